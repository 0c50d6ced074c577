package cpu

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// mediumOnThreads returns products in bfloat16 on one, two and three threads.
func mediumOnThreads(t *testing.T) []*products {
	kernels := simd.BF16For(simd.Detect())
	if kernels == nil {
		t.Skip("this processor has no AVX512-BF16")
	}
	all := onThreads(t, simd.AVX512)
	for _, p := range all {
		p.bf16 = kernels
	}
	return all
}

// eachArithmetic runs f for every kernel set with assembly that this processor has, and for bfloat16, with products on
// one, two and three threads.
func eachArithmetic(t *testing.T, f func(t *testing.T, all []*products)) {
	eachLevel(t, func(t *testing.T, level simd.Level) { f(t, onThreads(t, level)) })
	t.Run("bfloat16", func(t *testing.T) { f(t, mediumOnThreads(t)) })
}

// whole rounds to integers, so small that the points of Winograd's algorithm are exact in bfloat16.
func whole(v []float32) []float32 {
	rounded := make([]float32, len(v))
	for i, x := range v {
		rounded[i] = float32(math.Round(max(-3, min(3, float64(x)))))
	}
	return rounded
}

// toBF16 rounds to the nearest bfloat16 number, ties to even.
func toBF16(v []float32) []float32 {
	rounded := make([]float32, len(v))
	for i, x := range v {
		rounded[i] = x
		if bits := math.Float32bits(x); bits&0x7f800000 != 0x7f800000 {
			rounded[i] = math.Float32frombits((bits + 0x7fff + bits>>16&1) &^ 0xffff)
		}
	}
	return rounded
}

// specials puts an infinity and a NaN into a and b, count times.
func specials(rng *rand.Rand, count int, a, b []float32) {
	for range count {
		a[rng.IntN(len(a))] = float32(math.Inf(1))
		b[rng.IntN(len(b))] = []float32{0, float32(math.NaN())}[rng.IntN(2)]
	}
}

// TestMediumGemm compares with the float64 product of the operands, rounded where the product is large enough for it:
// what remains is the rounding of a float32 sum.
func TestMediumGemm(t *testing.T) {
	all := mediumOnThreads(t)
	rapid.Check(t, func(t *rapid.T) {
		size := func(name string, least int) int {
			return rapid.OneOf(rapid.IntRange(least, 2*least), rapid.IntRange(1, 200)).Draw(t, name)
		}
		g := kernel.Gemm{
			M: size("M", pairedRows), N: size("N", pairedColumns),
			K:      rapid.OneOf(rapid.IntRange(0, 70), rapid.IntRange(1000, 1300)).Draw(t, "K"),
			TransA: rapid.Bool().Draw(t, "TransA"), TransB: rapid.Bool().Draw(t, "TransB"),
			Batch: rapid.IntRange(0, 2).Draw(t, "Batch"), Accumulate: rapid.Bool().Draw(t, "Accumulate"),
		}
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		gap := func(name string) int { return rapid.SampledFrom([]int{0, 0, 1, 5}).Draw(t, name) }
		rowsA, rowsB := g.M, g.K
		g.LdA, g.LdB, g.LdC = g.K+gap("gapA"), g.N+gap("gapB"), g.N+gap("gapC")
		if g.TransA {
			rowsA, g.LdA = g.K, g.M+gap("gapA")
		}
		if g.TransB {
			rowsB, g.LdB = g.N, g.K+gap("gapB")
		}
		g.StrideA, g.StrideB, g.StrideC = rowsA*g.LdA, rowsB*g.LdB, g.M*g.LdC
		batch := max(1, g.Batch)
		a, b, c := noise(rng, batch*rowsA*g.LdA), noise(rng, batch*rowsB*g.LdB), noise(rng, batch*g.M*g.LdC)
		var bias []float32
		if !g.Accumulate {
			g.Act, g.Slope = rapid.SampledFrom(activations).Draw(t, "Act"), 0.25
			if rapid.Bool().Draw(t, "bias") {
				bias = noise(rng, g.N)
			}
		}
		if len(a) > 0 && len(b) > 0 {
			specials(rng, rapid.IntRange(0, 2).Draw(t, "specials"), a, b)
		}
		want, left, right := wide(c), a, b
		if all[0].paired(g.M, g.N, g.K) {
			left, right = toBF16(a), toBF16(b)
		}
		for item := range batch {
			for row := range g.M {
				gemmRow(g, item, row, wide(left), wide(right), wide(bias), want)
			}
		}
		var results [][]float32
		for _, p := range all {
			got := append([]float32(nil), c...)
			p.gemm(g, a, b, bias, got)
			results = append(results, got)
		}
		same(t, fmt.Sprintf("%+v", g), results, want, g.K)
	})
}

// TestMediumError tells how far products at medium are from exact ones: the rounding of two operands, 2⁻⁹ each at most.
func TestMediumError(t *testing.T) {
	p := mediumOnThreads(t)[0]
	rng := rand.New(rand.NewPCG(1, 2))
	g := kernel.Gemm{M: 65, N: 70, K: 301, LdA: 301, LdB: 70, LdC: 70}
	a, b := noise(rng, g.M*g.K), noise(rng, g.K*g.N)
	got, want := make([]float32, g.M*g.N), make([]float64, g.M*g.N)
	p.gemm(g, a, b, nil, got)
	for row := range g.M {
		gemmRow(g, 0, row, wide(a), wide(b), nil, want)
	}
	difference, size := 0.0, 0.0
	for i, x := range got {
		difference += (float64(x) - want[i]) * (float64(x) - want[i])
		size += want[i] * want[i]
	}
	if relative := math.Sqrt(difference / size); relative > 1.0/256 || relative < 1.0/2048 {
		t.Errorf("the relative error is %g", relative)
	}
}

// TestMediumConv compares with the float64 convolution of operands that bfloat16 holds exactly.
func TestMediumConv(t *testing.T) {
	all := mediumOnThreads(t)
	rapid.Check(t, func(t *rapid.T) {
		c := drawConv(t)
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		checkConv(t, all, c, rng, rapid.Bool().Draw(t, "bias"), rapid.Bool().Draw(t, "special"))
	})
	for _, c := range []kernel.Conv{
		{N: 3, H: 7, W: 6, C: 301, O: 33, OH: 5, OW: 4, KH: 3, KW: 3, Groups: 1},
		{N: 3, H: 4, W: 5, C: depthBlock + 51, O: depthBlock + 7, OH: 3, OW: 4, KH: 2, KW: 2, Groups: 1},
		{N: 5, H: 31, W: 31, C: 37, O: 35, OH: 30, OW: 30, KH: 2, KW: 2, Groups: 1},
		{N: 4, H: 20, W: 21, C: 3, O: 70, OH: 17, OW: 18, KH: 4, KW: 4, Groups: 1},
	} {
		c.StrideH, c.StrideW, c.DilationH, c.DilationW = 1, 1, 1, 1
		checkConv(t, all, c, rand.New(rand.NewPCG(7, 8)), true, false)
	}
}
