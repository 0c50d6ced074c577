package conv

import (
	"math/rand/v2"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/cpu/cputest"
	"pgregory.net/rapid"
)

// TestConvolutionsStayInBounds reads and writes operands beside pages that must not be touched.
func TestConvolutionsStayInBounds(t *testing.T) {
	eachArithmetic(t, 0, func(t *testing.T, all []*Engine) {
		p := all[0]
		rng := rand.New(rand.NewPCG(3, 4))
		for _, atEnd := range []bool{false, true} {
			operand := func(n int) []float32 { return cputest.Guarded(t, cputest.Noise(rng, n), atEnd) }
			for i := range 40 {
				c := rapid.Custom(drawConv).Example(i)
				x, y, w := operand(c.N*c.H*c.W*c.C), operand(c.N*c.OH*c.OW*c.O), operand(c.KH*c.KW*c.C/c.Groups*c.O)
				p.Forward(c, x, w, operand(c.O), y)
				p.BackwardInput(c, y, w, operand(c.C), x)
				p.BackwardWeight(c, x, y, w)
			}
			for _, size := range []int{3, 4} {
				c := wideConv(size)
				x, y, w := operand(c.N*c.H*c.W*c.C), operand(c.N*c.OH*c.OW*c.O), operand(c.KH*c.KW*c.C*c.O)
				p.Forward(c, x, w, operand(c.O), y)
				p.BackwardInput(c, y, w, operand(c.C), x)
				p.BackwardWeight(c, x, y, w)
			}
		}
	})
}
