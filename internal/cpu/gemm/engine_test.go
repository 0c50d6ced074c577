package gemm

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/cpu/cputest"
	"github.com/bestiary-ml/bestiary/internal/cpu/pool"
	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"pgregory.net/rapid"
)

// engines returns engines on one, two and three threads.
func engines(t *testing.T, level simd.Level, a Arithmetic) []*Engine {
	return cputest.OnThreads(t, func(p *pool.Pool) *Engine { return New(level, a, p) })
}

// splits reports whether products of an engine are those of split operands.
func splits(p *Engine) bool { return p.BF16 != nil && p.BF16.Split }

// bfloat16 are the arithmetics in bfloat16.
var bfloat16 = []Arithmetic{BFloat16, SplitBFloat16, BFloat16Tiles, SplitBFloat16Tiles}

// eachBF16 runs f for every arithmetic in bfloat16 with engines on one, two and three threads. Without AMX its tiles are
// emulated, and rapid checks only the given number of examples there; 0 skips the slow tests.
func eachBF16(t *testing.T, emulated int, f func(t *testing.T, all []*Engine)) {
	eachOf(t, bfloat16, emulated, f)
}

// eachOf is eachBF16 for some of them.
func eachOf(t *testing.T, arithmetics []Arithmetic, emulated int, f func(t *testing.T, all []*Engine)) {
	cputest.EachBF16(t, arithmetics, emulated, func(t *testing.T, a Arithmetic) { f(t, engines(t, simd.AVX512, a)) })
}

// eachArithmetic runs f for every kernel set with assembly that this processor has, and for every arithmetic in bfloat16.
func eachArithmetic(t *testing.T, emulated int, f func(t *testing.T, all []*Engine)) {
	cputest.EachLevel(t, func(t *testing.T, level simd.Level) { f(t, engines(t, level, Float32)) })
	eachBF16(t, emulated, f)
}

func TestMultiply(t *testing.T) {
	cputest.EachLevel(t, func(t *testing.T, level simd.Level) {
		all := engines(t, level, Float32)
		rapid.Check(t, func(t *rapid.T) {
			size := func(name string) int {
				return rapid.OneOf(rapid.IntRange(1, 20), rapid.IntRange(1, 150)).Draw(t, name)
			}
			g := kernel.Gemm{
				M: size("M"), N: size("N"), K: rapid.OneOf(rapid.IntRange(0, 70), rapid.IntRange(2200, 2400)).Draw(t, "K"),
				TransA: rapid.Bool().Draw(t, "TransA"), TransB: rapid.Bool().Draw(t, "TransB"),
				Batch: rapid.IntRange(0, 3).Draw(t, "Batch"), Accumulate: rapid.Bool().Draw(t, "Accumulate"),
			}
			checkGemm(t, all, drawGemm(t, g))
		})
	})
}

// product is a product with its operands; bias may be nil.
type product struct {
	kernel.Gemm
	a, b, bias, c []float32
}

// drawGemm draws what g doesn't say yet: strides, a bias, an activation, numbers and some that aren't.
func drawGemm(t *rapid.T, g kernel.Gemm) product {
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
	if rapid.Bool().Draw(t, "repeatB") {
		g.StrideB = 0
	}
	batch := max(1, g.Batch)
	x := product{a: cputest.Noise(rng, batch*rowsA*g.LdA), b: cputest.Noise(rng, batch*rowsB*g.LdB), c: cputest.Noise(rng, batch*g.M*g.LdC)}
	if !g.Accumulate {
		g.Act, g.Slope = rapid.SampledFrom(cputest.GemmActivations).Draw(t, "Act"), 0.25
		if rapid.Bool().Draw(t, "bias") {
			x.bias = cputest.Noise(rng, g.N)
		}
	}
	if n := rapid.IntRange(0, 2).Draw(t, "specials"); len(x.a) > 0 && len(x.b) > 0 {
		cputest.Specials(rng, n, x.a, x.b)
	}
	x.Gemm = g
	return x
}

// checkGemm compares with the portable kernel on float64, of operands rounded as these products round them.
func checkGemm(t rapid.TB, all []*Engine, x product) {
	g, left, right := x.Gemm, x.a, x.b
	if p := all[0]; p.Paired(g.M, g.N, g.K) && !p.BF16.Split {
		left, right = cputest.ToBF16(left), cputest.ToBF16(right)
	}
	want := cputest.Wide(x.c)
	cputest.Exact.Gemm(g, cputest.Host(left), cputest.Host(right), cputest.Host(x.bias), kernel.Host(want))
	var results [][]float32
	for _, p := range all {
		got := append([]float32(nil), x.c...)
		p.Multiply(g, x.a, x.b, x.bias, got)
		results = append(results, got)
	}
	cputest.Same(t, splits(all[0]), fmt.Sprintf("%+v", g), results, want, g.K)
}

// TestMultiplyAllocatesNothing runs every path twice; the second time, all buffers are there.
func TestMultiplyAllocatesNothing(t *testing.T) {
	eachArithmetic(t, 1, func(t *testing.T, all []*Engine) {
		p := all[0]
		rng := rand.New(rand.NewPCG(5, 6))
		g := kernel.Gemm{M: 100, N: 100, K: 100, LdA: 100, LdB: 100, LdC: 100}
		nothing := func(int, int) {}
		perRun := cputest.Allocations(0, func() { p.Pool.Run(1, nothing) }) // what the pool itself takes
		a, b, product := cputest.Noise(rng, 100*100), cputest.Noise(rng, 100*100), make([]float32, 100*100)
		if n := cputest.Allocations(4*perRun, func() {
			for trans := range 4 {
				g.TransA, g.TransB = trans&1 != 0, trans&2 != 0
				p.Multiply(g, a, b, nil, product)
			}
		}); n > 4*perRun {
			t.Errorf("products allocate %g times", n)
		}
	})
}

// TestSkinnyAllocatesNothing multiplies few rows by weights whose copy in bfloat16 is there, all of which leave a rest.
func TestSkinnyAllocatesNothing(t *testing.T) {
	cputest.EachLevel(t, func(t *testing.T, level simd.Level) {
		p := engines(t, level, Float32)[0]
		p.RoundConstants = true
		rng := rand.New(rand.NewPCG(7, 8))
		a, b, c := cputest.Noise(rng, 3*203), cputest.Noise(rng, 203*203), make([]float32, 3*203)
		if n := cputest.Allocations(0, func() {
			for i, transposed := range []bool{false, true} {
				for rows := 1; rows <= 3; rows++ {
					g := kernel.Gemm{M: rows, N: 203, K: 203, LdA: 203, LdB: 203, LdC: 203, TransB: transposed, Constant: uint64(i + 1)}
					p.Multiply(g, a, b, nil, c)
				}
			}
		}); n > 0 {
			t.Errorf("products of few rows allocate %g times", n)
		}
	})
}
