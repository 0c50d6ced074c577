package gemm

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/cpu/cputest"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"pgregory.net/rapid"
)

// TestBF16Gemm compares with the float64 product of the operands, rounded where the product is large enough for it unless
// they are split: what remains is the rounding of a float32 sum, and of what two bfloat16 numbers leave.
func TestBF16Gemm(t *testing.T) {
	eachBF16(t, 5, func(t *testing.T, all []*Engine) {
		rapid.Check(t, func(t *rapid.T) {
			size := func(name string, least int) int {
				return rapid.OneOf(rapid.IntRange(least, 2*least), rapid.IntRange(1, 200)).Draw(t, name)
			}
			g := kernel.Gemm{
				M: size("M", pairedRows), N: size("N", pairedColumns),
				K:      rapid.OneOf(rapid.IntRange(0, 70), rapid.IntRange(250, 270), rapid.IntRange(1000, 1300)).Draw(t, "K"),
				TransA: rapid.Bool().Draw(t, "TransA"), TransB: rapid.Bool().Draw(t, "TransB"),
				Batch: rapid.IntRange(0, 2).Draw(t, "Batch"), Accumulate: rapid.Bool().Draw(t, "Accumulate"),
			}
			checkGemm(t, all, drawGemm(t, g))
		})
		// Few examples may all be too small for bfloat16; this one isn't.
		rng, g := rand.New(rand.NewPCG(7, 8)), kernel.Gemm{M: pairedRows + 1, N: pairedColumns + 3, K: 71, LdA: 71, LdB: pairedColumns + 3, LdC: pairedColumns + 3}
		checkGemm(t, all, product{g, cputest.Noise(rng, g.M*g.K), cputest.Noise(rng, g.K*g.N), cputest.Noise(rng, g.N), cputest.Noise(rng, g.M*g.N)})
	})
}

// TestBF16Edges has blocks of every height and width, in both forms, and odd depths.
func TestBF16Edges(t *testing.T) {
	eachBF16(t, 5, func(t *testing.T, all []*Engine) {
		rng := rand.New(rand.NewPCG(21, 22))
		for i := range 33 {
			for trans := range 4 {
				g := kernel.Gemm{M: pairedRows + i, N: pairedColumns + (7*i+trans)%33, K: pairedDepth + 1 + (11*i+5*trans)%66}
				g.TransA, g.TransB = trans&1 != 0, trans&2 != 0
				g.LdA, g.LdB, g.LdC = g.K, g.N, g.N
				if g.TransA {
					g.LdA = g.M
				}
				if g.TransB {
					g.LdB = g.K
				}
				checkGemm(t, all[:1], product{g, cputest.Noise(rng, g.M*g.K), cputest.Noise(rng, g.K*g.N), nil, make([]float32, g.M*g.N)})
			}
		}
	})
}

// TestBF16Error bounds the error of products: by the rounding of two operands, 2⁻⁹ each at most, or by what
// three products of split operands leave out.
func TestBF16Error(t *testing.T) {
	eachBF16(t, 5, func(t *testing.T, all []*Engine) {
		p := all[0]
		rng := rand.New(rand.NewPCG(1, 2))
		g := kernel.Gemm{M: 65, N: 70, K: 301, LdA: 301, LdB: 70, LdC: 70}
		a, b := cputest.Noise(rng, g.M*g.K), cputest.Noise(rng, g.K*g.N)
		got, want := make([]float32, g.M*g.N), make([]float64, g.M*g.N)
		p.Multiply(g, a, b, nil, got)
		cputest.Exact.Gemm(g, cputest.Host(a), cputest.Host(b), kernel.Buffer{}, kernel.Host(want))
		difference, size := 0.0, 0.0
		for i, x := range got {
			difference += (float64(x) - want[i]) * (float64(x) - want[i])
			size += want[i] * want[i]
		}
		least, most := 1.0/2048, 1.0/256
		if p.BF16.Split {
			least, most = math.Exp2(-21), math.Exp2(-17)
		}
		if relative := math.Sqrt(difference / size); relative < least || relative > most {
			t.Errorf("the relative error is %g", relative)
		}
	})
}

// TestSplitNonFinite has infinities in both operands, numbers beyond bfloat16's range and others whose low parts are zero or
// of the other sign: sums are what they are in float32.
func TestSplitNonFinite(t *testing.T) {
	eachOf(t, []Arithmetic{SplitBFloat16, SplitBFloat16Tiles}, 5, func(t *testing.T, all []*Engine) {
		inf, most := float32(math.Inf(1)), float32(3.4e38)
		g := kernel.Gemm{M: 32, N: 32, K: 32, LdA: 32, LdB: 32, LdC: 32}
		for _, left := range []float32{inf, -inf, cputest.NaN, most, -most} {
			for _, right := range []float32{inf, -inf, cputest.NaN, 0, 1, -1, 1.001, -1.001, 0.999, 1e-30, 1234.567, -3e38} {
				if !math.IsInf(float64(left), 0) && math.Abs(float64(right)) > 1.001 && !math.IsInf(float64(right), 0) {
					continue // beyond float32
				}
				a, b := make([]float32, 32*32), make([]float32, 32*32)
				a[5*32+7], b[7*32+9] = left, right
				got := make([]float32, 32*32)
				all[0].Multiply(g, a, b, nil, got)
				want := left * right
				if v := got[5*32+9]; !(v == want || v != v && want != want || math.Abs(float64(v/want-1)) < 1e-5) {
					t.Errorf("%g · %g is %g", left, right, v)
				}
			}
		}
	})
}
