package cpu

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/cpu/cputest"
	"github.com/bestiary-ml/bestiary/internal/cpu/gemm"
	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// TestConstantWeights has convolutions and products with weights that are named constant: the first time, again, with more
// rows, with other weights, and when there is no room for more. The test changes weights in spite of the promise, which shows what is kept.
func TestConstantWeights(t *testing.T) {
	const depth, width, rows = 1300, 70, 600 // of a matrix, in two blocks and a panel that isn't whole
	for _, level := range simd.Levels()[1:] {
		for _, c := range []struct {
			name string
			kernel.Conv
		}{
			{"Winograd's", conformanceWinograd[1]}, {"direct", severalBlocks}, {"matrix", kernel.Conv{}},
		} {
			t.Run(level.String()+"/"+c.name, func(t *testing.T) {
				d := New(level, 2, kernel.Highest).(*Device)
				defer d.Close()
				rng := rand.New(rand.NewPCG(3, 4))
				matrix, size := c.N == 0, c.KH*c.KW*c.C*c.O
				if matrix {
					size = depth * width
				}
				operand := cputest.Noise(rng, 2*max(c.N*max(c.H*c.W*c.C, c.OH*c.OW*c.O), rows*depth))
				run := func(times int, constant uint64, w []float32) []float32 {
					if matrix {
						y := make([]float32, times*rows*width)
						g := kernel.Gemm{M: times * rows, N: width, K: depth, LdA: depth, LdB: width, LdC: width, Constant: constant}
						d.Gemm(g, kernel.Host(operand), kernel.Host(w), kernel.Buffer{}, kernel.Host(y))
						return y
					}
					v := c.Conv
					v.N, v.Constant = times*v.N, constant
					forward, input := make([]float32, v.N*v.OH*v.OW*v.O), make([]float32, v.N*v.H*v.W*v.C)
					d.Conv2d(v, kernel.Host(operand[:len(input)]), kernel.Host(w), kernel.Buffer{}, kernel.Host(forward))
					d.Conv2dBackwardInput(v, kernel.Host(operand[:len(forward)]), kernel.Host(w), kernel.Buffer{}, kernel.Host(input))
					return append(forward, input...)
				}
				check := func(what string, times int, constant uint64, given, want []float32) {
					t.Helper()
					if !slices.Equal(run(times, constant, given), run(times, 0, want)) {
						t.Errorf("%s: the results differ", what)
					}
				}
				w, other := cputest.Noise(rng, size), cputest.Noise(rng, size)
				check("the first time", 1, 7, w, w)
				check("again", 1, 7, other, w)
				check("more rows", 2, 7, other, w)
				check("other weights", 1, 8, other, other)
				d.products.Constants.Size = gemm.MostConstants
				check("no room", 1, 9, w, w)
				check("no room, changed", 1, 9, other, other)
				d.products.Constants.Calls += gemm.StaleConstant + 1
				check("room of models that are gone", 1, 9, other, other)
				d.products.Constants.Size = 0
				check("room again", 1, 9, other, other)
				check("kept again", 1, 9, w, other)
			})
		}
	}
}

// severalBlocks is a direct convolution with rows in the order of pixels and a depth of several blocks.
var severalBlocks = kernel.Conv{
	N: 33, H: 2, W: 2, C: 1300, O: 33, OH: 2, OW: 2, KH: 3, KW: 3, StrideH: 1, StrideW: 1, PadH: 1, PadW: 1, DilationH: 1, DilationW: 1, Groups: 1,
}
