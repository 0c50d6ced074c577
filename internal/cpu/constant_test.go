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

// constantCase is a convolution, or a matrix where it is that of 1×1 pixels, with weights that are named constant.
type constantCase struct {
	name string
	kernel.Conv
	transposed bool // the matrix
}

var (
	constantMatrix = kernel.Conv{N: 600, C: 1300, O: 70} // two blocks and a panel that isn't whole
	constantCases  = []constantCase{
		{"Winograd's", conformanceWinograd[1], false}, {"direct", severalBlocks, false},
		{"matrix", constantMatrix, false}, {"transposed", constantMatrix, true},
	}
	// smallConstantCases have two blocks of taps, input gradients with one tap or several, two blocks of a depth, and panels that aren't
	// whole.
	smallConstantCases = []constantCase{
		{"direct", kernel.Conv{
			N: 2, H: 8, W: 8, C: 64, O: 40, OH: 4, OW: 4, KH: 3, KW: 3, StrideH: 2, StrideW: 2, PadH: 1, PadW: 1,
			DilationH: 1, DilationW: 1, Groups: 1,
		}, false},
		{"matrix", kernel.Conv{N: 32, C: 530, O: 35}, false}, {"transposed", kernel.Conv{N: 32, C: 530, O: 35}, true},
	}
)

// TestConstantWeights has convolutions and products with weights that are named constant.
func TestConstantWeights(t *testing.T) {
	cputest.EachLevel(t, func(t *testing.T, level simd.Level) { checkConstants(t, level, gemm.Float32, constantCases) })
}

// TestConstantWeightsBF16 is TestConstantWeights in bfloat16.
func TestConstantWeightsBF16(t *testing.T) {
	all := []gemm.Arithmetic{gemm.BFloat16, gemm.SplitBFloat16, gemm.BFloat16Tiles, gemm.SplitBFloat16Tiles}
	cputest.EachBF16(t, all, 1, func(t *testing.T, a gemm.Arithmetic) {
		cases := constantCases
		if a.Tiles() {
			cases = smallConstantCases
		}
		checkConstants(t, simd.AVX512, a, cases)
	})
}

// checkConstants computes with constant weights the first time, again, with few rows and with more, with other weights, and when there
// is no room for more. It changes weights in spite of the promise, which shows what is kept.
func checkConstants(t *testing.T, level simd.Level, arithmetic gemm.Arithmetic, cases []constantCase) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := NewIn(level, 2, arithmetic)
			defer d.Close()
			rng := rand.New(rand.NewPCG(3, 4))
			size := max(1, c.KH*c.KW) * c.C * c.O
			operand := cputest.Noise(rng, 2*c.N*max(max(1, c.H*c.W)*c.C, c.OH*c.OW*c.O))
			run := func(n int, constant uint64, w []float32) []float32 {
				if c.KH == 0 {
					y := make([]float32, n*c.O)
					g := kernel.Gemm{M: n, N: c.O, K: c.C, LdA: c.C, LdB: c.O, LdC: c.O, Constant: constant}
					if g.TransB = c.transposed; g.TransB {
						g.LdB = c.C
					}
					d.Gemm(g, kernel.Host(operand), kernel.Host(w), kernel.Buffer{}, kernel.Host(y))
					return y
				}
				v := c.Conv
				v.N, v.Constant = n, constant
				forward, input := make([]float32, v.N*v.OH*v.OW*v.O), make([]float32, v.N*v.H*v.W*v.C)
				d.Conv2d(v, kernel.Host(operand[:len(input)]), kernel.Host(w), kernel.Buffer{}, kernel.Host(forward))
				d.Conv2dBackwardInput(v, kernel.Host(operand[:len(forward)]), kernel.Host(w), kernel.Buffer{}, kernel.Host(input))
				return append(forward, input...)
			}
			check := func(what string, n int, constant uint64, given, want []float32) {
				t.Helper()
				if !slices.Equal(run(n, constant, given), run(n, 0, want)) {
					t.Errorf("%s: the results differ", what)
				}
			}
			w, other := cputest.Noise(rng, size), cputest.Noise(rng, size)
			check("the first time", c.N, 7, w, w)
			check("again", c.N, 7, other, w)
			if arithmetic.Tiles() {
				return // the cache is the same, and emulated tiles take long
			}
			check("few rows, which may have another form", min(c.N, 20), 7, w, w)
			check("more rows", 2*c.N, 7, other, w)
			check("other weights", c.N, 8, other, other)
			d.products.Constants.Size = gemm.MostConstants
			check("no room", c.N, 9, w, w)
			check("no room, changed", c.N, 9, other, other)
			d.products.Constants.Calls += gemm.StaleConstant + 1
			check("room of models that are gone", c.N, 9, other, other)
			d.products.Constants.Size = 0
			check("room again", c.N, 9, other, other)
			check("kept again", c.N, 9, w, other)
		})
	}
}

// severalBlocks is a direct convolution with rows in the order of pixels and a depth of several blocks.
var severalBlocks = kernel.Conv{
	N: 33, H: 2, W: 2, C: 1300, O: 33, OH: 2, OW: 2, KH: 3, KW: 3, StrideH: 1, StrideW: 1, PadH: 1, PadW: 1, DilationH: 1, DilationW: 1, Groups: 1,
}
