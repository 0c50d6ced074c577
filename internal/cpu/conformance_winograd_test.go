package cpu

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/cpu/conv"
	"github.com/bestiary-ml/bestiary/internal/cpu/cputest"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// TestConformanceWinograd takes the way of every other caller, between guards.
func TestConformanceWinograd(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	for _, c := range conformanceWinograd {
		if !conv.UsesWinograd(c) {
			t.Fatalf("%+v isn't worth it", c)
		}
		x, y, w := cputest.Noise(rng, c.N*c.H*c.W*c.C), cputest.Noise(rng, c.N*c.OH*c.OW*c.O), cputest.Noise(rng, c.KH*c.KW*c.C*c.O)
		biasC, biasO := cputest.Noise(rng, c.C), cputest.Noise(rng, c.O)
		conform(t, fmt.Sprintf("convolution %+v", c), 1e-5, 20, func(m *memory) {
			m.Conv2d(c, m.in(x), m.in(w), m.in(biasO), m.out(len(y)))
			m.Conv2dBackwardInput(c, m.in(y), m.in(w), m.in(biasC), m.out(len(x)))
			plain := c
			plain.Act = kernel.ActNone
			m.Conv2dBackwardWeight(plain, m.in(x), m.in(y), m.out(len(w)))
		})
	}
}

// conformanceWinograd are convolutions that are computed by Winograd's algorithm, of kernels of 3×3 and 4×4.
var conformanceWinograd = []kernel.Conv{
	{N: 4, H: 16, W: 16, C: 64, O: 64, OH: 16, OW: 16, KH: 3, KW: 3, StrideH: 1, StrideW: 1, PadH: 1, PadW: 1, DilationH: 1, DilationW: 1, Groups: 1, Act: kernel.ActReLU},
	{N: 4, H: 36, W: 36, C: 64, O: 64, OH: 18, OW: 18, KH: 4, KW: 4, StrideH: 2, StrideW: 2, PadH: 1, PadW: 1, DilationH: 1, DilationW: 1, Groups: 1, Act: kernel.ActReLU},
}
