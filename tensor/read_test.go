package tensor

import (
	"slices"
	"testing"
)

func TestRead(t *testing.T) {
	eachKernelSet(t, 2, func(t *testing.T, d *Device) {
		if got := Read(); got != nil {
			t.Errorf("of nothing: %v", got)
		}
		one, none, some := d.From([]float32{3}), d.From(nil, 0), d.From([]float32{1, 2, 4, 8}, 2, 2)
		for _, ts := range [][]*Tensor{{one}, {none}, {some, one, none, some}} {
			s := d.Scratch()
			got := Read(ts...)
			s.End()
			for i, x := range ts {
				if !slices.Equal(got[i], x.Values()) {
					t.Errorf("tensor %d of %v: %v, want %v", i, ts, got[i], x.Values())
				}
			}
		}
		mustPanic(t, func() { Read(one, d.Ints([]int32{1})) })
	})
}

func TestCounts(t *testing.T) {
	eachKernelSet(t, 2, func(t *testing.T, d *Device) {
		for _, n := range []int{0, 2, 30, 1200} {
			index, want := make([]int32, n), make([]float32, 5)
			for i := range index {
				index[i] = int32(i*i%6 - 1)
				if index[i] >= 0 {
					want[index[i]]++
				}
			}
			s := d.Scratch()
			if got := d.Ints(index, 2, n/2).Counts(5).Values(); !slices.Equal(got, want) {
				t.Errorf("among %d: %v, want %v", n, got, want)
			}
			s.End()
		}
		mustPanic(t, func() { d.From([]float32{1}).Counts(2) })
	})
}
