package cpu

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// TestConstantWeights has convolutions with weights that are named constant: the first time, again, with more pictures, with
// other weights, and when there is no room for more. Weights that change all the same show what is kept.
func TestConstantWeights(t *testing.T) {
	for level := simd.AVX2; level <= simd.Detect(); level++ {
		t.Run(level.String(), func(t *testing.T) {
			d := New(level, 2, kernel.Highest)
			defer d.Close()
			rng, conv := rand.New(rand.NewPCG(3, 4)), wideConv(4)
			operand := noise(rng, 2*conv.N*conv.H*conv.W*conv.C)
			run := func(images int, constant uint64, w []float32) (forward, input []float32) {
				c := conv
				c.N, c.Constant = images, constant
				forward, input = make([]float32, c.N*c.OH*c.OW*c.O), make([]float32, c.N*c.H*c.W*c.C)
				d.Conv2d(c, kernel.Host(operand[:len(input)]), kernel.Host(w), kernel.Buffer{}, kernel.Host(forward))
				d.Conv2dBackwardInput(c, kernel.Host(operand[:len(forward)]), kernel.Host(w), kernel.Buffer{}, kernel.Host(input))
				return forward, input
			}
			check := func(what string, images int, constant uint64, given, want []float32) {
				t.Helper()
				forward, input := run(images, constant, given)
				forwardWant, inputWant := run(images, 0, want)
				if !slices.Equal(forward, forwardWant) || !slices.Equal(input, inputWant) {
					t.Errorf("%s: the results differ", what)
				}
			}
			size := conv.KH * conv.KW * conv.C * conv.O
			w, other := noise(rng, size), noise(rng, size)
			check("the first time", conv.N, 7, w, w)
			check("again", conv.N, 7, other, w)
			check("more pictures", 2*conv.N, 7, other, w)
			check("other weights", conv.N, 8, other, other)
			d.products.constants.size = mostConstants
			check("no room", conv.N, 9, w, w)
			check("no room, changed", conv.N, 9, other, other)
		})
	}
}
