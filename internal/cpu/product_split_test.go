package cpu

import (
	"math"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// TestSplitNonFinite has infinities in both operands, numbers beyond bfloat16's range and others whose low parts are zero or
// of the other sign: sums are what they are in float32.
func TestSplitNonFinite(t *testing.T) {
	eachOf(t, []Arithmetic{splitBFloat16, SplitBFloat16Tiles}, 5, func(t *testing.T, all []*products) {
		inf, most := float32(math.Inf(1)), float32(3.4e38)
		g := kernel.Gemm{M: 32, N: 32, K: 32, LdA: 32, LdB: 32, LdC: 32}
		for _, left := range []float32{inf, -inf, nan, most, -most} {
			for _, right := range []float32{inf, -inf, nan, 0, 1, -1, 1.001, -1.001, 0.999, 1e-30, 1234.567, -3e38} {
				if !math.IsInf(float64(left), 0) && math.Abs(float64(right)) > 1.001 && !math.IsInf(float64(right), 0) {
					continue // beyond float32
				}
				a, b := make([]float32, 32*32), make([]float32, 32*32)
				a[5*32+7], b[7*32+9] = left, right
				got := make([]float32, 32*32)
				all[0].gemm(g, a, b, nil, got)
				want := left * right
				if v := got[5*32+9]; !(v == want || v != v && want != want || math.Abs(float64(v/want-1)) < 1e-5) {
					t.Errorf("%g · %g is %g", left, right, v)
				}
			}
		}
	})
}
