package winograd

import (
	"math"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

func conv(images, height, width, in, out, size int) kernel.Conv {
	stride := size - 2
	return kernel.Conv{
		N: images, H: height * stride, W: width * stride, C: in, O: out, OH: height, OW: width, KH: size, KW: size,
		StrideH: stride, StrideW: stride, PadH: 1, PadW: 1, DilationH: 1, DilationW: 1, Groups: 1,
	}
}

func TestSizes(t *testing.T) {
	f, c := Filter{3, 2}, conv(1, 7, 3, 4, 4, 4)
	if f.Axis() != 4 || f.Points() != 16 || f.Tiles(7) != 3 || f.Products(c) != 3*1*16*4 {
		t.Errorf("%+v: %d, %d, %d, %d", f, f.Axis(), f.Points(), f.Tiles(7), f.Products(c))
	}
}

// TestFilters changes one property at a time of convolutions that fit.
func TestFilters(t *testing.T) {
	d := Device{Multiple: 4, Least: 8, Margin: 1}
	for size, want := range map[int]int{3: 1, 4: 2} {
		fits := conv(2, 6, 8, 8, 12, size)
		if got := len(d.Filters(fits)); got != want {
			t.Errorf("%d×%d: %d filters, want %d", size, size, got, want)
		}
		for name, change := range map[string]func(*kernel.Conv){
			"groups": func(c *kernel.Conv) { c.Groups = 2 }, "dilation": func(c *kernel.Conv) { c.DilationW = 2 },
			"strides": func(c *kernel.Conv) { c.StrideH = 3 }, "kernel": func(c *kernel.Conv) { c.KW = 5 },
			"padding": func(c *kernel.Conv) { c.PadH = 0 }, "rest": func(c *kernel.Conv) { c.H++ },
			"multiple": func(c *kernel.Conv) { c.C = 10 }, "channels": func(c *kernel.Conv) { c.O = 4 },
			"size": func(c *kernel.Conv) { c.KH, c.KW = 5, 5 },
		} {
			c := fits
			if change(&c); d.Filters(c) != nil {
				t.Errorf("%d×%d, other %s: %+v fits", size, size, name, c)
			}
		}
	}
}

func TestChoose(t *testing.T) {
	d, c := Device{Multiple: 1, Least: 1, Margin: 0.5}, conv(1, 6, 6, 8, 8, 4)
	for _, s := range []struct {
		cost2, cost3, direct float64
		best                 Filter
		worth                bool
	}{
		{4, 3, 10, Filter{3, 2}, true}, {3, 4, 10, Filter{2, 2}, true}, {4, 4, 10, Filter{2, 2}, true},
		{5, 6, 10, Filter{2, 2}, false}, {math.Inf(1), 4, 10, Filter{3, 2}, true}, {math.Inf(1), math.Inf(1), 10, Filter{}, false},
	} {
		best, worth := d.Choose(c, s.direct, func(f Filter) float64 { return map[int]float64{2: s.cost2, 3: s.cost3}[f.M] })
		if best != s.best || worth != s.worth {
			t.Errorf("%+v: %+v, %v", s, best, worth)
		}
	}
	if _, worth := d.Choose(kernel.Conv{}, 1, func(Filter) float64 { return 0 }); worth {
		t.Error("chosen for a convolution that doesn't fit")
	}
}
