package conv

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/cpu/cputest"
	"github.com/bestiary-ml/bestiary/internal/cpu/gemm"
	"github.com/bestiary-ml/bestiary/internal/cpu/pool"
	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/internal/winograd"
	"pgregory.net/rapid"
)

// winogradPasses are the three passes of a convolution by Winograd's algorithm, whether it is chosen or not; with m = 0 they are
// direct.
type winogradPasses struct {
	*Engine
	winograd.Filter
}

func (p winogradPasses) forward(c kernel.Conv, x, w, bias, y []float32) {
	p.start(c, x, w, bias, y)
	defer p.stop()
	if p.M == 0 {
		p.directForward(c, x, w, bias, y)
		return
	}
	p.winogradForward(c, p.Filter, x, w, bias, y)
}

func (p winogradPasses) backwardInput(c kernel.Conv, gy, w, bias, gx []float32) {
	p.start(c, gy, w, bias, gx)
	defer p.stop()
	if p.M == 0 {
		p.directBackwardInput(c, gy, w, bias, gx)
		return
	}
	p.winogradBackwardInput(c, p.Filter, gy, w, bias, gx)
}

func (p winogradPasses) backwardWeight(c kernel.Conv, x, gy, gw []float32) {
	p.start(c, x, gy, nil, gw)
	defer p.stop()
	if p.M == 0 {
		p.directBackwardWeight(c, x, gy, gw)
		return
	}
	p.winogradBackwardWeight(c, p.Filter, x, gy, gw)
}

// TestWinograd compares with the portable kernels in float64, for sizes, paddings, strides and tiles far beyond those for which the
// algorithm is chosen.
func TestWinograd(t *testing.T) {
	known := references{}
	eachArithmetic(t, 1, func(t *testing.T, all []*Engine) {
		rapid.Check(t, func(t *rapid.T) {
			draw := func(name string, from, to int) int { return rapid.IntRange(from, to).Draw(t, name) }
			f, stride := rapid.SampledFrom([]winograd.Filter{{M: 2, R: 2}, {M: 3, R: 2}, {M: 2, R: 3}}).Draw(t, "m, r"), draw("stride", 1, 2)
			c := kernel.Conv{
				N: draw("N", 1, 2), OH: draw("OH", 1, 9), OW: draw("OW", 1, 9), KH: stride * f.R, KW: stride * f.R,
				StrideH: stride, StrideW: stride, PadH: draw("PadH", 0, 3), PadW: draw("PadW", 0, 3),
				C: 32 * draw("C", 1, 3), O: 32 * draw("O", 1, 3), DilationH: 1, DilationW: 1, Groups: 1,
				Act: rapid.SampledFrom(cputest.Activations).Draw(t, "Act"), Slope: 0.125,
			}
			c.H = max(1, (c.OH-1)*stride+c.KH-2*c.PadH+draw("rest", 0, stride-1))
			c.W = max(1, (c.OW-1)*stride+c.KW-2*c.PadW+draw("rest", 0, stride-1))
			c.OH, c.OW = (c.H+2*c.PadH-c.KH)/stride+1, (c.W+2*c.PadW-c.KW)/stride+1
			rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
			checkWinograd(t, nil, all, c, f, rng)
		})
		c := kernel.Conv{ // large enough for tiles; those drawn may all be too small
			N: 2, H: 8, W: 8, C: 64, O: 64, OH: 8, OW: 8, KH: 3, KW: 3, PadH: 1, PadW: 1,
			StrideH: 1, StrideW: 1, DilationH: 1, DilationW: 1, Groups: 1,
		}
		checkWinograd(t, known, all, c, winograd.Filter{M: 2, R: 3}, rand.New(rand.NewPCG(7, 8)))
	})
}

// TestWinogradBlocks has more tiles than a task and than a block of the gradient of the weights.
func TestWinogradBlocks(t *testing.T) {
	known := references{}
	eachArithmetic(t, 0, func(t *testing.T, all []*Engine) {
		c := kernel.Conv{
			N: 3, H: 56, W: 60, C: 64, O: 64, OH: 28, OW: 30, KH: 4, KW: 4, StrideH: 2, StrideW: 2, PadH: 1, PadW: 1,
			DilationH: 1, DilationW: 1, Groups: 1,
		}
		f, worth := fastestFilter(c)
		if tiles := c.N * f.Tiles(c.OH) * f.Tiles(c.OW); !worth || tiles <= winogradBlock {
			t.Fatalf("%d tiles are not enough", tiles)
		}
		checkWinograd(t, known, all, c, f, rand.New(rand.NewPCG(9, 10)))
	})
}

// TestChooseWinograd has arithmetics in which the algorithm is chosen for all, no or some convolutions and passes.
func TestChooseWinograd(t *testing.T) {
	level := simd.Detect()
	if simd.BF16For(level) == nil {
		t.Skip("this processor has no AVX512-BF16")
	}
	workers := pool.New(1)
	narrow, wide, few := wideConv(3), wideConv(3), wideConv(3)
	wide.C, wide.O = 256, 256
	few.C, few.O, few.N = 256, 256, 3
	for _, x := range []struct {
		arithmetic      gemm.Arithmetic
		results, weight [3]bool // of narrow, wide and few
	}{
		{gemm.Float32, [3]bool{true, true, true}, [3]bool{true, true, true}},
		{gemm.BFloat16, [3]bool{true, true, true}, [3]bool{false, true, true}},
		{gemm.BFloat16Tiles, [3]bool{}, [3]bool{}},
		{gemm.SplitBFloat16Tiles, [3]bool{false, true, false}, [3]bool{}},
	} {
		p := New(gemm.New(level, x.arithmetic, workers))
		for i, c := range []kernel.Conv{narrow, wide, few} {
			_, results := p.chooseWinograd(c)
			_, weight := p.chooseWinogradWeight(c)
			if results != x.results[i] || weight != x.weight[i] {
				t.Errorf("%v, convolution %d: %v for results, %v for weights", x.arithmetic, i, results, weight)
			}
		}
	}
}

// wideConv is a convolution for which the algorithm is chosen, with 3×3 or 4×4 kernels.
func wideConv(size int) kernel.Conv {
	c := kernel.Conv{
		N: 4, H: 16, W: 16, C: 64, O: 64, OH: 16, OW: 16, KH: 3, KW: 3, StrideH: 1, StrideW: 1, PadH: 1, PadW: 1,
		DilationH: 1, DilationW: 1, Groups: 1, Act: kernel.ActReLU,
	}
	if size == 4 {
		c.H, c.W, c.OH, c.OW, c.KH, c.KW, c.StrideH, c.StrideW = 36, 36, 18, 18, 4, 4, 2, 2
	}
	return c
}

// TestWinogradAllocatesNothing runs every pass twice; the second time, all buffers are there.
func TestWinogradAllocatesNothing(t *testing.T) {
	eachArithmetic(t, 0, func(t *testing.T, all []*Engine) {
		p := all[0]
		c := wideConv(4)
		x, y, w := make([]float32, c.N*c.H*c.W*c.C), make([]float32, c.N*c.OH*c.OW*c.O), make([]float32, c.KH*c.KW*c.C*c.O)
		if n := cputest.Allocations(0, func() {
			p.Forward(c, x, w, nil, y)
			p.BackwardInput(c, y, w, nil, x)
			p.BackwardWeight(c, x, y, w)
		}); n > 0 {
			t.Errorf("convolutions allocate %g times", n)
		}
	})
}

func checkWinograd(t rapid.TB, known references, all []*Engine, c kernel.Conv, f winograd.Filter, rng *rand.Rand) {
	x, y, w := cputest.Noise(rng, c.N*c.H*c.W*c.C), cputest.Noise(rng, c.N*c.OH*c.OW*c.O), cputest.Noise(rng, c.KH*c.KW*c.C*c.O)
	whole := all[0].BF16 != nil && !splits(all[0])
	if whole {
		x, y, w = cputest.Whole(x), cputest.Whole(y), cputest.Whole(w)
	}
	var biasC, biasO []float32
	if rng.IntN(2) == 0 {
		biasC, biasO = cputest.Noise(rng, c.C), cputest.Noise(rng, c.O)
	}
	run := func(name string, depth, size int, pass func(p winogradPasses, out []float32), reference func(out []float64)) {
		want := known.of(fmt.Sprintf("%s %+v %v", name, c, whole), [][]float32{x, y, w, biasC, biasO}, size, reference)
		stale := cputest.Noise(rng, size)
		var results [][]float32
		for _, p := range all {
			got := slices.Clone(stale)
			pass(winogradPasses{p, f}, got)
			results = append(results, got)
		}
		cputest.Same(t, splits(all[0]), fmt.Sprintf("%s, %+v %+v", name, f, c), results, want, depth)
	}
	run("forward", c.KH*c.KW*c.C, len(y),
		func(p winogradPasses, out []float32) { p.forward(c, x, w, biasO, out) },
		func(out []float64) {
			cputest.Exact.Conv2d(c, cputest.Host(x), cputest.Host(w), cputest.Host(biasO), kernel.Host(out))
		})
	run("backward input", c.KH*c.KW*c.O, len(x),
		func(p winogradPasses, out []float32) { p.backwardInput(c, y, w, biasC, out) },
		func(out []float64) {
			cputest.Exact.Conv2dBackwardInput(c, cputest.Host(y), cputest.Host(w), cputest.Host(biasC), kernel.Host(out))
		})
	run("backward weight", c.N*c.OH*c.OW, len(w),
		func(p winogradPasses, out []float32) { p.backwardWeight(c, x, y, out) },
		func(out []float64) {
			cputest.Exact.Conv2dBackwardWeight(c, cputest.Host(x), cputest.Host(y), kernel.Host(out))
		})
}
