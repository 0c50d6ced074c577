package cpu

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/bestiary-ml/bestiary/internal/cpu/conv"
	"github.com/bestiary-ml/bestiary/internal/cpu/gemm"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// TestConformanceSmallPictures compares convolutions of which much of the kernel lies outside, some pixels of whose result
// may see nothing at all.
func TestConformanceSmallPictures(t *testing.T) {
	ordered := 0
	check(t, func(t *rapid.T) {
		s := newSource(t)
		draw := func(name string, from, to int) int { return rapid.IntRange(from, to).Draw(t, name) }
		c := kernel.Conv{
			N: draw("images", gemm.PositionImages, 30), H: draw("height", 1, 5), W: draw("width", 1, 5),
			KH: draw("kernel height", 1, 4), KW: draw("kernel width", 1, 4), PadH: draw("padding down", 0, 5), PadW: draw("padding", 0, 5),
			StrideH: draw("stride down", 1, 3), StrideW: draw("stride", 1, 3), DilationH: draw("dilation", 1, 2), DilationW: 1,
			Groups: rapid.SampledFrom([]int{1, 1, 2}).Draw(t, "groups"), Act: kernel.ActReLU,
		}
		c.C, c.O = c.Groups*draw("channels", 1, 40), c.Groups*draw("outputs", 1, 70)
		c.OH, c.OW = (c.H+2*c.PadH-c.DilationH*(c.KH-1)-1)/c.StrideH+1, (c.W+2*c.PadW-(c.KW-1)-1)/c.StrideW+1
		if c.OH < 1 || c.OW < 1 || c.H+2*c.PadH < c.DilationH*(c.KH-1)+1 || c.W+2*c.PadW < c.KW {
			t.Skip("the kernel doesn't fit")
		}
		if conv.DirectProducts(c) < c.OH*c.OW*c.KH*c.KW {
			ordered++
		}
		x, w, y := s.floats(c.N*c.H*c.W*c.C).floats, s.floats(c.KH*c.KW*c.C/c.Groups*c.O).floats, s.floats(c.N*c.OH*c.OW*c.O).floats
		bias, biasX := s.floats(c.O).floats, s.floats(c.C).floats
		conform(t, "convolutions of small pictures", 1e-5, 300, func(m *memory) {
			m.Conv2d(c, m.in(x), m.in(w), m.in(bias), m.out(len(y)))
			m.Conv2dBackwardInput(c, m.in(y), m.in(w), m.in(biasX), m.out(len(x)))
			plain := c
			plain.Act = kernel.ActNone
			m.Conv2dBackwardWeight(plain, m.in(x), m.in(y), m.out(len(w)))
		})
	})
	if ordered == 0 {
		t.Error("no convolution had its rows in the order of pixels")
	}
}
