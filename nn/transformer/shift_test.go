package transformer

import (
	"slices"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/tensor"
)

// TestShift compares the token shift with DALLE-pytorch's PreShiftToken, whose Tensor.chunk makes pieces of ⌈D/4⌉ channels.
func TestShift(t *testing.T) {
	d := golden.CPU(t)
	g := Geometry{Text: 3, Height: 2, Width: 3}
	for _, dim := range []int{2, 3, 5, 8, 10, 26, 27} {
		x := tensor.NewGenerator(1).Normal(d, 1, g.Len(), dim)
		rows := slices.Collect(slices.Chunk(x.Values(), dim))
		text, image := (dim+1)/2, (dim+3)/4
		var want []float32
		for p := range g.Len() {
			from := func(source, lo, hi int) {
				if source < 0 {
					want = append(want, make([]float32, hi-lo)...)
					return
				}
				want = append(want, rows[source][lo:hi]...)
			}
			if p < g.Text {
				from(p-1, 0, text)
				from(p, text, dim)
				continue
			}
			above, left := p-g.Width, p-1
			if above < g.Text {
				above = -1
			}
			if (p-g.Text)%g.Width == 0 {
				left = -1
			}
			from(above, 0, image)
			from(left, image, 2*image)
			from(p, 2*image, dim)
		}
		if got := shiftTokens(x, d.Ints(g.shiftIndex(dim))).Values(); !slices.Equal(got, want) {
			t.Errorf("dim %d: %v, want %v", dim, got, want)
		}
	}
}

// TestOddWidths computes sequences of widths that are no multiple of 4 whole and position by position.
func TestOddWidths(t *testing.T) {
	d := golden.Device(t)
	for _, dim := range []int{10, 27} {
		c := example()
		c.Dim = dim
		m := build(t, d, c, tensor.NewGenerator(1))
		m.SetTraining(false)
		n := c.Geometry.Len()
		x := tensor.NewGenerator(2).Normal(d, 1, n, dim)
		want := m.Forward(x, nil, nil).Values()
		cache := m.NewCache(1)
		var got []float32
		for p := range n {
			got = append(got, m.Forward(x.Slice(1, p, p+1), nil, cache).Values()...)
		}
		golden.Near(t, "with a cache", got, want, 1e-4)
	}
}
