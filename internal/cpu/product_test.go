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

// eachLevel runs f for every kernel set with assembly that this processor has.
func eachLevel(t *testing.T, f func(t *testing.T, level simd.Level)) {
	for _, level := range []simd.Level{simd.AVX2, simd.AVX512} {
		t.Run(level.String(), func(t *testing.T) {
			if simd.Detect() < level {
				t.Skipf("this processor has no %v", level)
			}
			f(t, level)
		})
	}
}

// onThreads returns products on one, two and three threads.
func onThreads(t *testing.T, level simd.Level) []*products {
	var all []*products
	for threads := 1; threads <= 3; threads++ {
		pool := NewPool(threads)
		t.Cleanup(pool.Close)
		all = append(all, newProducts(level, pool))
	}
	return all
}

func noise(rng *rand.Rand, n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(rng.NormFloat64())
	}
	return v
}

func wide(v []float32) []float64 {
	if v == nil {
		return nil
	}
	w := make([]float64, len(v))
	for i, x := range v {
		w[i] = float64(x)
	}
	return w
}

// same fails unless got is want to within the rounding of a sum of depth products of p, and all results are equal bit by bit.
func same(t rapid.TB, p *products, name string, results [][]float32, want []float64, depth int) {
	tolerance := 2e-6 * math.Sqrt(float64(depth)+1) * 4
	if p.bf16 != nil && p.bf16.split {
		tolerance *= 24
	}
	for i, got := range results[0] {
		near := math.Abs(float64(got)-want[i]) <= tolerance*(1+math.Abs(want[i]))
		if bothNaN := got != got && want[i] != want[i]; !near && !bothNaN && float64(got) != want[i] {
			t.Fatalf("%s: element %d is %g, want %g", name, i, got, want[i])
		}
	}
	for threads, other := range results[1:] {
		for i, got := range other {
			if math.Float32bits(got) != math.Float32bits(results[0][i]) {
				t.Fatalf("%s: element %d is %g on %d threads and %g on one", name, i, got, threads+2, results[0][i])
			}
		}
	}
}

var activations = []kernel.Activation{kernel.NoActivation, kernel.ReLU, kernel.LeakyReLU, kernel.Tanh, kernel.Sigmoid}

func TestProductsGemm(t *testing.T) {
	eachLevel(t, func(t *testing.T, level simd.Level) {
		all := onThreads(t, level)
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
	x := product{a: noise(rng, batch*rowsA*g.LdA), b: noise(rng, batch*rowsB*g.LdB), c: noise(rng, batch*g.M*g.LdC)}
	if !g.Accumulate {
		g.Act, g.Slope = rapid.SampledFrom(activations).Draw(t, "Act"), 0.25
		if rapid.Bool().Draw(t, "bias") {
			x.bias = noise(rng, g.N)
		}
	}
	if n := rapid.IntRange(0, 2).Draw(t, "specials"); len(x.a) > 0 && len(x.b) > 0 {
		specials(rng, n, x.a, x.b)
	}
	x.Gemm = g
	return x
}

// checkGemm compares with the portable kernel on float64, of operands rounded as these products round them.
func checkGemm(t rapid.TB, all []*products, x product) {
	g, left, right := x.Gemm, x.a, x.b
	if p := all[0]; p.paired(g.M, g.N, g.K) && !p.bf16.split {
		left, right = toBF16(left), toBF16(right)
	}
	want, a, b, bias := wide(x.c), wide(left), wide(right), wide(x.bias)
	for item := range max(1, g.Batch) {
		for row := range g.M {
			gemmRow(g, item, row, a, b, bias, want)
		}
	}
	var results [][]float32
	for _, p := range all {
		got := append([]float32(nil), x.c...)
		p.gemm(g, x.a, x.b, x.bias, got)
		results = append(results, got)
	}
	same(t, all[0], fmt.Sprintf("%+v", g), results, want, g.K)
}

// drawConv draws a convolution, its operands and a bias for an output of channels(c) channels.
func drawConv(t *rapid.T) kernel.Conv {
	draw := func(name string, from, to int) int { return rapid.IntRange(from, to).Draw(t, name) }
	for {
		c := kernel.Conv{
			N: rapid.OneOf(rapid.IntRange(1, 4), rapid.IntRange(positionImages, 3*positionImages)).Draw(t, "N"), H: draw("H", 1, 12), W: draw("W", 1, 12), KH: draw("KH", 1, 5), KW: draw("KW", 1, 5),
			StrideH: draw("StrideH", 1, 3), StrideW: draw("StrideW", 1, 3), PadH: draw("PadH", 0, 5), PadW: draw("PadW", 0, 5),
			DilationH: draw("DilationH", 1, 3), DilationW: draw("DilationW", 1, 3),
			Groups: rapid.SampledFrom([]int{1, 1, 1, 2, 3}).Draw(t, "Groups"),
			Act:    rapid.SampledFrom(activations).Draw(t, "Act"), Slope: 0.125,
		}
		c.C = c.Groups * rapid.SampledFrom([]int{1, 3, 8, 13, 40}).Draw(t, "C")
		c.O = c.Groups * rapid.SampledFrom([]int{1, 3, 16, 31, 70}).Draw(t, "O")
		spanH, spanW := c.H+2*c.PadH-(c.KH-1)*c.DilationH-1, c.W+2*c.PadW-(c.KW-1)*c.DilationW-1
		if spanH >= 0 && spanW >= 0 {
			c.OH, c.OW = spanH/c.StrideH+1, spanW/c.StrideW+1
			return c
		}
	}
}

func TestProductsConv(t *testing.T) {
	eachLevel(t, func(t *testing.T, level simd.Level) {
		all := onThreads(t, level)
		rapid.Check(t, func(t *rapid.T) {
			c := drawConv(t)
			rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
			checkConv(t, all, c, rng, rapid.Bool().Draw(t, "bias"), rapid.Bool().Draw(t, "special"))
		})
	})
}

// TestProductsConvBlocks takes the ways that small shapes don't: a depth in several blocks of positions, one in several
// blocks of the channels of a position, a long sum over pixels in parts, and small pictures whose blocks begin and end
// with positions that some pixels don't see.
func TestProductsConvBlocks(t *testing.T) {
	eachLevel(t, func(t *testing.T, level simd.Level) {
		all := onThreads(t, level)
		for _, c := range []kernel.Conv{
			{N: 1, H: 7, W: 6, C: 300, O: 33, OH: 5, OW: 4, KH: 3, KW: 3, Groups: 1},
			{N: 1, H: 4, W: 4, C: depthBlock + 50, O: depthBlock + 7, OH: 3, OW: 3, KH: 2, KW: 2, Groups: 1},
			{N: 5, H: 31, W: 31, C: 17, O: 5, OH: 30, OW: 30, KH: 2, KW: 2, Groups: 1},
		} {
			c.StrideH, c.StrideW, c.DilationH, c.DilationW = 1, 1, 1, 1
			checkConv(t, all, c, rand.New(rand.NewPCG(7, 8)), true, false)
		}
		for _, c := range smallPictures {
			checkConv(t, all, c, rand.New(rand.NewPCG(7, 8)), true, false)
		}
	})
}

// smallPictures are convolutions with rows in the order of pixels and several blocks.
var smallPictures = []kernel.Conv{
	{N: 9, H: 4, W: 4, C: 700, O: 40, OH: 2, OW: 2, KH: 4, KW: 4, StrideH: 2, StrideW: 2, PadH: 1, PadW: 1, DilationH: 1, DilationW: 1, Groups: 1},
	{N: 33, H: 2, W: 2, C: 1300, O: 33, OH: 2, OW: 2, KH: 3, KW: 3, StrideH: 1, StrideW: 1, PadH: 1, PadW: 1, DilationH: 1, DilationW: 1, Groups: 1},
	{N: 23, H: 11, W: 2, C: 8, O: 1, OH: 21, OW: 12, KH: 1, KW: 1, StrideH: 1, StrideW: 1, PadH: 5, PadW: 5, DilationH: 1, DilationW: 3, Groups: 1},
	{N: 64, H: 5, W: 3, C: 40, O: 1200, OH: 2, OW: 1, KH: 4, KW: 4, StrideH: 2, StrideW: 2, PadH: 1, PadW: 1, DilationH: 1, DilationW: 1, Groups: 1},
}

// checkConv compares all three passes of c with the portable kernels on float64.
func checkConv(t rapid.TB, all []*products, c kernel.Conv, rng *rand.Rand, withBias, special bool) {
	x, y := noise(rng, c.N*c.H*c.W*c.C), noise(rng, c.N*c.OH*c.OW*c.O)
	w := noise(rng, c.KH*c.KW*c.C/c.Groups*c.O)
	upstream := append([]float32(nil), y...)    // of the input's gradient
	if h := all[0].bf16; h != nil && !h.split { // these are the same in bfloat16
		x, y, w, upstream = toBF16(x), toBF16(y), toBF16(w), toBF16(upstream)
	}
	if special {
		x[rng.IntN(len(x))], upstream[rng.IntN(len(y))] = float32(math.NaN()), float32(math.Inf(-1))
	}
	var biasC, biasO []float32
	if withBias {
		biasC, biasO = noise(rng, c.C), noise(rng, c.O)
	}
	x64, y64, w64, upstream64 := wide(x), wide(y), wide(w), wide(upstream)
	run := func(name string, depth, size int, pass func(p *products, out []float32), reference func(out []float64)) {
		want := make([]float64, size)
		reference(want)
		var results [][]float32
		for _, p := range all {
			got := noise(rng, size)
			pass(p, got)
			results = append(results, got)
		}
		same(t, all[0], fmt.Sprintf("%s %+v", name, c), results, want, depth)
	}
	run("forward", c.KH*c.KW*c.C/c.Groups, len(y),
		func(p *products, out []float32) { p.conv2d(c, x, w, biasO, out) },
		func(out []float64) {
			for i := range c.N * c.OH {
				conv2dRow(c, i/c.OH, i%c.OH, x64, w64, wide(biasO), out)
			}
		})
	run("backward input", c.KH*c.KW*c.O/c.Groups, len(x),
		func(p *products, out []float32) { p.conv2dBackwardInput(c, upstream, w, biasC, out) },
		func(out []float64) {
			for n := range c.N {
				conv2dBackwardInputImage(c, n, upstream64, w64, wide(biasC), out)
			}
		})
	run("backward weight", c.N*c.OH*c.OW, len(w),
		func(p *products, out []float32) { p.conv2dBackwardWeight(c, x, y, out) },
		func(out []float64) {
			for tap := range c.KH * c.KW {
				conv2dBackwardWeightTap(c, tap/c.KW, tap%c.KW, x64, y64, out)
			}
		})
}

// allocations is how often f allocates. The runtime does as well, now and then, and is counted; so if that is more often
// than allowed, the least of some tries is.
func allocations(allowed float64, f func()) float64 {
	least := math.Inf(1)
	for try := 0; try < 5 && least > allowed; try++ {
		least = min(least, testing.AllocsPerRun(1, f))
	}
	return least
}

// TestProductsAllocateNothing runs every path twice; the second time, all buffers are there.
func TestProductsAllocateNothing(t *testing.T) {
	eachArithmetic(t, 1, func(t *testing.T, all []*products) {
		p := all[0]
		rng := rand.New(rand.NewPCG(5, 6))
		g := kernel.Gemm{M: 100, N: 100, K: 100, LdA: 100, LdB: 100, LdC: 100}
		nothing := func(int, int) {}
		perRun := allocations(0, func() { p.pool.Run(1, nothing) }) // what the pool itself takes
		a, b, product := noise(rng, 100*100), noise(rng, 100*100), make([]float32, 100*100)
		for _, channels := range []int{3, 20} {
			c := kernel.Conv{
				N: 2, H: 8, W: 8, C: channels, O: 40, OH: 4, OW: 4, KH: 4, KW: 4, StrideH: 2, StrideW: 2, PadH: 1, PadW: 1,
				DilationH: 1, DilationW: 1, Groups: 1,
			}
			x, y, w := noise(rng, c.N*c.H*c.W*c.C), noise(rng, c.N*c.OH*c.OW*c.O), noise(rng, c.KH*c.KW*c.C*c.O)
			if n := allocations(4*perRun, func() {
				for trans := range 4 {
					g.TransA, g.TransB = trans&1 != 0, trans&2 != 0
					p.gemm(g, a, b, nil, product)
				}
			}); n > 4*perRun {
				t.Errorf("gemm allocates %g times", n)
			}
			if n := allocations(4*perRun, func() {
				p.conv2d(c, x, w, nil, y)
				p.conv2dBackwardInput(c, y, w, nil, x)
				p.conv2dBackwardWeight(c, x, y, w)
			}); n > 4*perRun { // a sum over parts takes a second run
				t.Errorf("convolutions of %d channels allocate %g times", channels, n)
			}
		}
	})
}
