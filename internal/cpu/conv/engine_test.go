package conv

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/cpu/cputest"
	"github.com/bestiary-ml/bestiary/internal/cpu/gemm"
	"github.com/bestiary-ml/bestiary/internal/cpu/pool"
	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"pgregory.net/rapid"
)

// engines returns engines on one, two and three threads.
func engines(t *testing.T, level simd.Level, a gemm.Arithmetic) []*Engine {
	return cputest.OnThreads(t, func(p *pool.Pool) *Engine { return New(gemm.New(level, a, p)) })
}

// splits reports whether products of an engine are those of split operands.
func splits(p *Engine) bool { return p.BF16 != nil && p.BF16.Split }

// bfloat16 are the arithmetics in bfloat16.
var bfloat16 = []gemm.Arithmetic{gemm.BFloat16, gemm.SplitBFloat16, gemm.BFloat16Tiles, gemm.SplitBFloat16Tiles}

// eachBF16 runs f for every arithmetic in bfloat16 with engines on one, two and three threads. Without AMX its tiles are
// emulated, and rapid checks only the given number of examples there; 0 skips the slow tests.
func eachBF16(t *testing.T, emulated int, f func(t *testing.T, all []*Engine)) {
	cputest.EachBF16(t, bfloat16, emulated, func(t *testing.T, a gemm.Arithmetic) { f(t, engines(t, simd.AVX512, a)) })
}

// eachArithmetic runs f for every kernel set with assembly that this processor has, and for every arithmetic in bfloat16.
func eachArithmetic(t *testing.T, emulated int, f func(t *testing.T, all []*Engine)) {
	cputest.EachLevel(t, func(t *testing.T, level simd.Level) { f(t, engines(t, level, gemm.Float32)) })
	eachBF16(t, emulated, f)
}

// drawConv draws a convolution, its operands and a bias for an output of channels(c) channels.
func drawConv(t *rapid.T) kernel.Conv {
	draw := func(name string, from, to int) int { return rapid.IntRange(from, to).Draw(t, name) }
	for {
		c := kernel.Conv{
			N: rapid.OneOf(rapid.IntRange(1, 4), rapid.IntRange(gemm.PositionImages, 3*gemm.PositionImages)).Draw(t, "N"), H: draw("H", 1, 12), W: draw("W", 1, 12), KH: draw("KH", 1, 5), KW: draw("KW", 1, 5),
			StrideH: draw("StrideH", 1, 3), StrideW: draw("StrideW", 1, 3), PadH: draw("PadH", 0, 5), PadW: draw("PadW", 0, 5),
			DilationH: draw("DilationH", 1, 3), DilationW: draw("DilationW", 1, 3),
			Groups: rapid.SampledFrom([]int{1, 1, 1, 2, 3, 4}).Draw(t, "Groups"),
			Act:    rapid.SampledFrom(cputest.Activations).Draw(t, "Act"), Slope: 0.125,
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
	cputest.EachLevel(t, func(t *testing.T, level simd.Level) {
		all := engines(t, level, gemm.Float32)
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
	cputest.EachLevel(t, func(t *testing.T, level simd.Level) {
		all := engines(t, level, gemm.Float32)
		for _, c := range []kernel.Conv{
			{N: 1, H: 7, W: 6, C: 300, O: 33, OH: 5, OW: 4, KH: 3, KW: 3, Groups: 1},
			{N: 1, H: 4, W: 4, C: gemm.DepthBlock + 50, O: 37, OH: 3, OW: 3, KH: 2, KW: 2, Groups: 1},
			{N: 1, H: 4, W: 4, C: 37, O: gemm.DepthBlock + 7, OH: 3, OW: 3, KH: 2, KW: 2, Groups: 1},
			{N: 5, H: 31, W: 31, C: 17, O: 5, OH: 30, OW: 30, KH: 2, KW: 2, Groups: 1},
		} {
			c.StrideH, c.StrideW, c.DilationH, c.DilationW = 1, 1, 1, 1
			checkConv(t, all, c, rand.New(rand.NewPCG(7, 8)), true, false)
		}
		for _, c := range smallPictures {
			checkConv(t, all, c, rand.New(rand.NewPCG(7, 8)), true, false)
		}
		// Of the positions of a 1×1 convolution with a stride, three of four belong to no pixel of the result.
		strided := kernel.Conv{N: 2, H: 4, W: 4, C: 9, O: gemm.DepthBlock + 7, OH: 2, OW: 2, KH: 1, KW: 1, StrideH: 2, StrideW: 2, DilationH: 1, DilationW: 1, Groups: 1}
		checkConv(t, all, strided, rand.New(rand.NewPCG(7, 8)), true, false)
	})
}

// TestFewOutputs has results of few channels.
func TestFewOutputs(t *testing.T) {
	eachArithmetic(t, 3, func(t *testing.T, all []*Engine) {
		reached := 0
		rapid.Check(t, func(t *rapid.T) {
			draw := func(name string, from, to int) int { return rapid.IntRange(from, to).Draw(t, name) }
			c := kernel.Conv{
				N: draw("N", 1, 4), H: draw("H", 4, 12), W: draw("W", 4, 12), C: draw("C", leastInputs, 150), O: draw("O", 1, 5), KH: draw("KH", 1, 4),
				KW: draw("KW", 2, 4), StrideH: 1, StrideW: 1, DilationH: 1, DilationW: 1, Groups: 1,
				Act: rapid.SampledFrom(cputest.Activations).Draw(t, "Act"), Slope: 0.125,
			}
			c.PadH, c.PadW = draw("PadH", 0, c.KH-1), draw("PadW", 0, c.KW-1)
			c.OH, c.OW = c.H+2*c.PadH-c.KH+1, c.W+2*c.PadW-c.KW+1
			if all[0].fewOutputs(c) {
				reached++
			}
			checkConv(t, all, c, rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0)), rapid.Bool().Draw(t, "bias"), rapid.Bool().Draw(t, "special"))
		})
		if reached == 0 {
			t.Error("no convolution had few outputs")
		}
		c := kernel.Conv{ // large enough for tiles; those drawn may all be too small
			N: 4, H: 12, W: 12, C: 150, O: 5, OH: 12, OW: 12, KH: 3, KW: 3, PadH: 1, PadW: 1,
			StrideH: 1, StrideW: 1, DilationH: 1, DilationW: 1, Groups: 1,
		}
		checkConv(t, all, c, rand.New(rand.NewPCG(7, 8)), true, false)
		c = kernel.Conv{ // too small for bfloat16; it copies columns after the larger one has paired some
			N: 1, H: 4, W: 4, C: 96, O: 1, OH: 4, OW: 3, KH: 1, KW: 2, StrideH: 1, StrideW: 1, DilationH: 1, DilationW: 1, Groups: 1,
		}
		checkConv(t, all, c, rand.New(rand.NewPCG(7, 8)), false, false)
	})
}

// smallPictures are convolutions with rows in the order of pixels and several blocks.
var smallPictures = []kernel.Conv{
	{N: 9, H: 4, W: 4, C: 700, O: 40, OH: 2, OW: 2, KH: 4, KW: 4, StrideH: 2, StrideW: 2, PadH: 1, PadW: 1, DilationH: 1, DilationW: 1, Groups: 1},
	{N: 33, H: 2, W: 2, C: 1300, O: 33, OH: 2, OW: 2, KH: 3, KW: 3, StrideH: 1, StrideW: 1, PadH: 1, PadW: 1, DilationH: 1, DilationW: 1, Groups: 1},
	{N: 23, H: 11, W: 2, C: 8, O: 1, OH: 21, OW: 12, KH: 1, KW: 1, StrideH: 1, StrideW: 1, PadH: 5, PadW: 5, DilationH: 1, DilationW: 3, Groups: 1},
	{N: 33, H: 5, W: 3, C: 40, O: 1200, OH: 2, OW: 1, KH: 4, KW: 4, StrideH: 2, StrideW: 2, PadH: 1, PadW: 1, DilationH: 1, DilationW: 1, Groups: 1},
}

func TestSmallPicturesAreOrdered(t *testing.T) {
	for _, c := range smallPictures {
		if DirectProducts(c) == c.OH*c.OW*c.KH*c.KW {
			t.Errorf("%+v is computed in the order of images", c)
		}
	}
}

// checkConv compares all three passes of c with the portable kernels on float64.
func checkConv(t rapid.TB, all []*Engine, c kernel.Conv, rng *rand.Rand, withBias, special bool) {
	x, y := cputest.Noise(rng, c.N*c.H*c.W*c.C), cputest.Noise(rng, c.N*c.OH*c.OW*c.O)
	w := cputest.Noise(rng, c.KH*c.KW*c.C/c.Groups*c.O)
	upstream := append([]float32(nil), y...)    // of the input's gradient
	if h := all[0].BF16; h != nil && !h.Split { // these are the same in bfloat16
		x, y, w, upstream = cputest.ToBF16(x), cputest.ToBF16(y), cputest.ToBF16(w), cputest.ToBF16(upstream)
	}
	nan := -1 // the place of NaN in x
	if special {
		nan = rng.IntN(len(x))
		x[nan], upstream[rng.IntN(len(y))] = float32(math.NaN()), float32(math.Inf(-1))
	}
	m, merged := c, w // for the reference
	if special {      // NaN and infinities may reach groups that are computed as one
		m, merged = all[0].merge(c, w)
		merged = slices.Clone(merged)
	}
	var biasC, biasO []float32
	if withBias {
		biasC, biasO = cputest.Noise(rng, c.C), cputest.Noise(rng, c.O)
	}
	run := func(name string, depth, size int, pass func(p *Engine, out []float32), reference func(out []float64)) {
		want := make([]float64, size)
		reference(want)
		stale := cputest.Noise(rng, size)
		var results [][]float32
		for _, p := range all {
			got := slices.Clone(stale)
			pass(p, got)
			results = append(results, got)
		}
		if name == "backward weight" && nan >= 0 && all[0].fewOutputs(c) { // NaN may reach other taps of its channel
			for i, v := range results[0] {
				if v != v && i/c.O%c.C == nan%c.C {
					want[i] = math.NaN()
				}
			}
		}
		cputest.Same(t, splits(all[0]), fmt.Sprintf("%s %+v", name, c), results, want, depth)
	}
	run("forward", c.KH*c.KW*c.C/c.Groups, len(y),
		func(p *Engine, out []float32) { p.Forward(c, x, w, biasO, out) },
		func(out []float64) {
			cputest.Exact.Conv2d(m, cputest.Host(x), cputest.Host(merged), cputest.Host(biasO), kernel.Host(out))
		})
	run("backward input", c.KH*c.KW*c.O/c.Groups, len(x),
		func(p *Engine, out []float32) { p.BackwardInput(c, upstream, w, biasC, out) },
		func(out []float64) {
			cputest.Exact.Conv2dBackwardInput(m, cputest.Host(upstream), cputest.Host(merged), cputest.Host(biasC), kernel.Host(out))
		})
	run("backward weight", c.N*c.OH*c.OW, len(w),
		func(p *Engine, out []float32) { p.BackwardWeight(c, x, y, out) },
		func(out []float64) {
			cputest.Exact.Conv2dBackwardWeight(c, cputest.Host(x), cputest.Host(y), kernel.Host(out))
		})
}

// TestBF16Conv compares with the float64 convolution of operands that bfloat16 holds exactly unless they are split.
func TestBF16Conv(t *testing.T) {
	eachBF16(t, 5, func(t *testing.T, all []*Engine) {
		rapid.Check(t, func(t *rapid.T) {
			c := drawConv(t)
			rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
			checkConv(t, all, c, rng, rapid.Bool().Draw(t, "bias"), rapid.Bool().Draw(t, "special"))
		})
		for _, c := range []kernel.Conv{
			{N: 1, H: 7, W: 6, C: 301, O: 33, OH: 5, OW: 4, KH: 3, KW: 3, Groups: 1},
			{N: 3, H: 4, W: 5, C: gemm.DepthBlock + 51, O: 39, OH: 3, OW: 4, KH: 2, KW: 2, Groups: 1},
			{N: 3, H: 4, W: 5, C: 39, O: gemm.DepthBlock + 7, OH: 3, OW: 4, KH: 2, KW: 2, Groups: 1},
			{N: 5, H: 31, W: 31, C: 37, O: 35, OH: 30, OW: 30, KH: 2, KW: 2, Groups: 1},
			{N: 2, H: 20, W: 21, C: 3, O: 70, OH: 17, OW: 18, KH: 4, KW: 4, Groups: 1},
		} {
			if work := c.N * c.OH * c.OW * c.O * c.KH * c.KW * c.C; all[0].BF16.Tiles != nil && !simd.HasAMX() && work > 3e6 {
				continue // takes long where tiles are emulated
			}
			c.StrideH, c.StrideW, c.DilationH, c.DilationW = 1, 1, 1, 1
			checkConv(t, all, c, rand.New(rand.NewPCG(7, 8)), true, false)
		}
		small := smallPictures[0]
		small.C = 71
		checkConv(t, all, small, rand.New(rand.NewPCG(7, 8)), true, false)
	})
}

// TestConvolutionsAllocateNothing runs every path twice; the second time, all buffers are there.
func TestConvolutionsAllocateNothing(t *testing.T) {
	eachArithmetic(t, 1, func(t *testing.T, all []*Engine) {
		p := all[0]
		rng := rand.New(rand.NewPCG(5, 6))
		nothing := func(int, int) {}
		perRun := cputest.Allocations(0, func() { p.Pool.Run(1, nothing) }) // what the pool itself takes
		for _, channels := range []int{3, 20} {
			c := kernel.Conv{
				N: 2, H: 8, W: 8, C: channels, O: 40, OH: 4, OW: 4, KH: 4, KW: 4, StrideH: 2, StrideW: 2, PadH: 1, PadW: 1,
				DilationH: 1, DilationW: 1, Groups: 1,
			}
			x, y, w := cputest.Noise(rng, c.N*c.H*c.W*c.C), cputest.Noise(rng, c.N*c.OH*c.OW*c.O), cputest.Noise(rng, c.KH*c.KW*c.C*c.O)
			if n := cputest.Allocations(4*perRun, func() {
				p.Forward(c, x, w, nil, y)
				p.BackwardInput(c, y, w, nil, x)
				p.BackwardWeight(c, x, y, w)
			}); n > 4*perRun { // a sum over parts takes a second run
				t.Errorf("convolutions of %d channels allocate %g times", channels, n)
			}
		}
	})
}
