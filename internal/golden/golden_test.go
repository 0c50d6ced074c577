package golden

import (
	"math"
	"testing"
)

// failing records whether a test would fail.
type failing struct {
	testing.TB
	failed bool
}

func (f *failing) Helper()               {}
func (f *failing) Errorf(string, ...any) { f.failed = true }
func (f *failing) Fatalf(string, ...any) { f.failed = true; panic(f) }

func TestNear(t *testing.T) {
	nan := float32(math.NaN())
	for _, c := range []struct {
		got, want []float32
		fails     bool
	}{
		{[]float32{1, 100}, []float32{1, 100}, false},
		{[]float32{1.009, 100}, []float32{1, 100}, false}, // relative to the largest
		{[]float32{1.02, 100}, []float32{1, 100}, true},
		{[]float32{-1, 100}, []float32{1, 100}, true},
		{[]float32{nan, 100}, []float32{1, 100}, true},
		{[]float32{1, 100}, []float32{nan, 100}, true},
		{[]float32{0}, []float32{0}, false},
		{[]float32{1e-3}, []float32{0}, true},
		{[]float32{1}, []float32{1, 100}, true},
	} {
		f := &failing{TB: t}
		func() {
			defer func() {
				if r := recover(); r != nil && r != any(f) {
					panic(r)
				}
			}()
			Near(f, "values", c.got, c.want, 1e-4)
		}()
		if f.failed != c.fails {
			t.Errorf("%v for %v: fails %t, want %t", c.got, c.want, f.failed, c.fails)
		}
	}
}
