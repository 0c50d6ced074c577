package gemm

import (
	"math/rand/v2"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/cpu/cputest"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// TestMultiplyStaysInBounds reads and writes operands beside pages that must not be touched.
func TestMultiplyStaysInBounds(t *testing.T) {
	eachArithmetic(t, 0, func(t *testing.T, all []*Engine) {
		p := all[0]
		rng := rand.New(rand.NewPCG(3, 4))
		for _, atEnd := range []bool{false, true} {
			operand := func(n int) []float32 { return cputest.Guarded(t, cputest.Noise(rng, n), atEnd) }
			for _, size := range [][3]int{{1, 1, 1}, {7, 3, 5}, {13, 33, 17}, {70, 47, 40}, {100, 31, 7}} {
				m, n, k := size[0], size[1], size[2]
				for trans := range 4 {
					g := kernel.Gemm{M: m, N: n, K: k, LdA: k, LdB: n, LdC: n, TransA: trans&1 != 0, TransB: trans&2 != 0}
					if g.TransA {
						g.LdA = m
					}
					if g.TransB {
						g.LdB = k
					}
					p.Multiply(g, operand(m*k), operand(k*n), operand(n), operand(m*n))
					g.Accumulate = true
					p.Multiply(g, operand(m*k), operand(k*n), nil, operand(m*n))
				}
			}
		}
	})
}
