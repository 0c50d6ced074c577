//go:build linux && (amd64 || arm64) && !nocuda

package cuda

import (
	"math"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// These tests have sizes for which work is cut into shares, and cases that internal/cpu's conformance tests, which run on this
// device too, don't have.

func TestReduce(t *testing.T) {
	for _, s := range []kernel.Span{
		{Outer: 1, N: 10000, Inner: 1}, {Outer: 3, N: 5000, Inner: 1}, {Outer: 1, N: 700, Inner: 40}, {Outer: 2, N: 300, Inner: 33},
		{Outer: 5, N: 7, Inner: 11}, {Outer: 70, N: 40, Inner: 1}, {Outer: 2, N: 33, Inner: 16400},
	} {
		compare(t, 1e-5, func(p *pair) {
			x := p.in(s.Outer*s.N*s.Inner, 1, 0.1)
			p.Reduce(kernel.Sum, s, 0.5, x, p.out(s.Outer*s.Inner))
			p.Reduce(kernel.Max, s, 1, x, p.out(s.Outer*s.Inner))
		})
	}
}

func TestSumTo(t *testing.T) {
	for _, s := range []kernel.Broadcast{
		{Rank: 3, Shape: kernel.Dims{4, 50, 6}, StrideA: kernel.Dims{6, 0, 1}},
		{Rank: 3, Shape: kernel.Dims{4, 5, 60}, StrideA: kernel.Dims{0, 1, 0}},
		{Rank: 4, Shape: kernel.Dims{3, 4, 5, 6}, StrideA: kernel.Dims{5, 0, 1, 0}},
		{Rank: 4, Shape: kernel.Dims{3, 4, 5, 6}, StrideA: kernel.Dims{0, 6, 0, 1}},
		{Rank: 1, Shape: kernel.Dims{9}},
		{},
	} {
		compare(t, 1e-5, func(p *pair) {
			n, results := 1, 1
			for i, size := range s.Shape[:s.Rank] {
				n *= size
				if s.StrideA[i] != 0 {
					results *= size
				}
			}
			p.SumTo(s, p.in(n, 1, 0), p.out(results))
		})
	}
}

// TestSoftmaxOfRows has long rows and few rows, with a block for each, and many short rows, with a warp for each.
func TestSoftmaxOfRows(t *testing.T) {
	for _, size := range [][2]int{{3, 2500}, {5, 70}, {200, 33}} {
		rows, n := size[0], size[1]
		compare(t, 1e-5, func(p *pair) {
			x, gy, labels := p.in(rows*n, 3, 0), p.in(rows*n, 1, 0), p.indices(rows, -1, n)
			for _, log := range []bool{false, true} {
				y := p.out(rows * n)
				p.Softmax(log, kernel.Span{Outer: rows, N: n, Inner: 1}, x, y)
				p.SoftmaxGrad(log, kernel.Span{Outer: rows, N: n, Inner: 1}, y, gy, p.out(rows*n))
			}
			p.CrossEntropy(rows, n, x, labels, p.out(rows))
			p.CrossEntropyGrad(rows, n, x, labels, p.in(rows, 1, 0), p.out(rows*n))
			index := p.AllocInts(rows)
			p.ArgMax(rows, n, x, index)
			places, numbers := make([]int32, rows), make([]float32, rows)
			p.DownloadInts(places, index)
			for i, at := range places {
				numbers[i] = float32(at)
			}
			p.put(numbers)
		})
	}
}

// TestBatchNorm has means that are large compared with the deviations, with few rows for one launch, and with more rows.
func TestBatchNorm(t *testing.T) {
	for _, b := range []kernel.BatchNorm{
		{Rows: 20, Channels: 70, Eps: 1e-5, Act: kernel.ActReLU},
		{Rows: 33, Channels: 5, Eps: 1e-5, Unbiased: true, Act: kernel.ActTanh},
		{Rows: 700, Channels: 40, Eps: 1e-5, Act: kernel.ActLeakyReLU, Slope: 0.2},
		{Rows: 600, Channels: 33, Eps: 1e-5, Unbiased: true, Act: kernel.ActNone},
		{Rows: 600, Channels: 33, Eps: 1e-5, Fixed: true, Act: kernel.ActSigmoid},
		{Rows: 6, Channels: 3, Eps: 1e-5, Fixed: true, Act: kernel.ActSigmoid},
	} {
		compare(t, 2e-4, func(p *pair) {
			n := b.Rows * b.Channels
			x, gamma, beta, gy, gLogDet := p.in(n, 0.5, 10), p.in(b.Channels, 1, 0), p.in(b.Channels, 1, 0), p.in(n, 1, 0), p.in(1, 1, 0)
			mean, variance, y := p.out(b.Channels), p.out(b.Channels), p.out(n)
			if b.Fixed {
				mean, variance = p.in(b.Channels, 1, 10), p.in(b.Channels, 0.01, 2)
			}
			p.BatchNorm(b, x, gamma, beta, mean, variance, y)
			p.BatchNormGrad(b, x, gamma, mean, variance, y, gy, gLogDet, p.out(n), p.out(b.Channels), p.out(b.Channels))
			p.BatchNormGrad(b, x, kernel.Buffer{}, mean, variance, y, gy, kernel.Buffer{}, p.out(n), kernel.Buffer{}, kernel.Buffer{})
			p.BatchNormGrad(b, x, gamma, mean, variance, y, gy, kernel.Buffer{}, kernel.Buffer{}, p.out(b.Channels), p.out(b.Channels))
		})
	}
}

// TestLayerNorm has rows for a warp, and rows for a block of one warp or of several. It also has AddProduct, whose rows have
// groups too.
func TestLayerNorm(t *testing.T) {
	for _, size := range [][2]int{{5, 70}, {300, 33}, {9, 1}, {3, 600}} {
		rows, n := size[0], size[1]
		compare(t, 1e-4, func(p *pair) {
			x, gamma, beta, gy := p.in(rows*n, 2, 1), p.in(n, 1, 0), p.in(n, 1, 0), p.in(rows*n, 1, 0)
			mean, rstd := p.out(rows), p.out(rows)
			p.LayerNorm(rows, n, 1e-5, x, gamma, beta, p.out(rows*n), mean, rstd)
			p.LayerNorm(rows, n, 1e-5, x, gy, beta, p.out(rows*n), mean, rstd)            // a row of gamma for each
			p.LayerNorm(rows, n, 1e-5, x, kernel.Buffer{}, gy, p.out(rows*n), mean, rstd) // and of beta
			p.AddProduct(rows, n, x, gy, gamma, p.out(rows*n))
			p.AddProduct(rows, n, x, gy, x, p.out(rows*n))
			if rows%3 == 0 {
				thirds := p.in(3*n, 1, 0)
				p.LayerNorm(rows, n, 1e-5, x, thirds, gamma, p.out(rows*n), mean, rstd)
				p.AddProduct(rows, n, x, gy, thirds, p.out(rows*n))
			}
			if n > 1 { // otherwise rstd is huge, and the gradient 0
				p.LayerNormGrad(rows, n, x, gamma, mean, rstd, gy, p.out(rows*n), p.out(n), p.out(n))
				p.LayerNormGrad(rows, n, x, kernel.Buffer{}, mean, rstd, gy, p.out(rows*n), kernel.Buffer{}, p.out(n))
			}
		})
	}
}

func TestGatherAndScatter(t *testing.T) {
	for _, c := range []struct {
		kernel.Span
		picks int
	}{{kernel.Span{Outer: 2, N: 9, Inner: 5}, 1100}, {kernel.Span{Outer: 1, N: 1500, Inner: 3}, 1300}, {kernel.Span{Outer: 1, N: 40, Inner: 3}, 300}, {kernel.Span{Outer: 3, N: 20, Inner: 2}, 40}} {
		compare(t, 1e-5, func(p *pair) {
			index := p.indices(c.picks, -1, c.N)
			p.Gather(c.Span, p.in(c.Outer*c.N*c.Inner, 1, 0), index, p.out(c.Outer*c.picks*c.Inner))
			p.ScatterAdd(c.Span, p.in(c.Outer*c.picks*c.Inner, 1, 0), index, p.out(c.Outer*c.N*c.Inner))
		})
	}
}

// TestCoupling has rows of several warps; other cases are in internal/cpu.
func TestCoupling(t *testing.T) {
	const rows, cols, active = 3, 70, 40
	compare(t, 1e-5, func(p *pair) {
		index := p.AllocInts(cols)
		of := make([]int32, cols)
		for i := range of {
			if of[i] = int32(i); i >= active {
				of[i] = ^int32(i - active)
			}
		}
		p.UploadInts(index, of)
		c := kernel.Coupling{Rows: rows, Cols: cols, Active: active, Bounded: true, Index: index}
		p.Coupling(c, p.in(rows*cols, 1, 0), p.in(2*rows*active, 1, 0), kernel.Buffer{}, p.out(rows*cols), p.out(rows))
	})
}

func TestCopy(t *testing.T) {
	for name, s := range map[string]kernel.Strided{
		"flat":                 {Rank: 1, Shape: kernel.Dims{50}, OffsetDst: 3, OffsetSrc: 7, StrideDst: kernel.Dims{1}, StrideSrc: kernel.Dims{1}},
		"transposed":           {Rank: 2, Shape: kernel.Dims{40, 50}, OffsetDst: 5, OffsetSrc: 2, StrideDst: kernel.Dims{1, 41}, StrideSrc: kernel.Dims{60, 1}},
		"transposed in batch":  {Rank: 3, Shape: kernel.Dims{3, 40, 10}, StrideDst: kernel.Dims{400, 1, 40}, StrideSrc: kernel.Dims{400, 10, 1}},
		"batch in the middle":  {Rank: 3, Shape: kernel.Dims{40, 3, 10}, StrideDst: kernel.Dims{1, 400, 40}, StrideSrc: kernel.Dims{30, 10, 1}},
		"slice":                {Rank: 2, Shape: kernel.Dims{20, 10}, OffsetSrc: 4, StrideDst: kernel.Dims{10, 1}, StrideSrc: kernel.Dims{30, 1}},
		"expanded":             {Rank: 2, Shape: kernel.Dims{20, 10}, StrideDst: kernel.Dims{10, 1}, StrideSrc: kernel.Dims{0, 1}},
		"four dimensions":      {Rank: 4, Shape: kernel.Dims{2, 3, 4, 5}, StrideDst: kernel.Dims{60, 20, 5, 1}, StrideSrc: kernel.Dims{60, 5, 15, 1}},
		"dimensions of size 1": {Rank: 3, Shape: kernel.Dims{1, 30, 1}, StrideDst: kernel.Dims{9, 1, 9}, StrideSrc: kernel.Dims{0, 2, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			compare(t, 0, func(p *pair) { p.Copy(s, p.out(3000), p.in(3000, 1, 0)) })
		})
	}
}

// TestRandom compares the numbers with those of the CPU, from the middle of a Philox block on, and where the counter exceeds 32
// bits.
func TestRandom(t *testing.T) {
	for _, offset := range []uint64{0, 5, 1<<34 - 6} {
		compare(t, 0, func(p *pair) {
			p.Uniform(7, offset, p.out(301))
			x := p.in(301, 0, 1)
			p.Dropout(0.5, 1<<40+9, offset, x, x)
		})
		compare(t, 2e-7, func(p *pair) { p.Normal(7, offset, p.out(301)) })
	}
}

func TestAdam(t *testing.T) {
	for _, decoupled := range []bool{false, true} {
		compare(t, 1e-5, func(p *pair) {
			var params []kernel.AdamParam
			var gradients []kernel.Buffer
			for _, n := range []int{5, 5000, 1, 300} {
				g := p.in(n, 1, 0)
				params = append(params, kernel.AdamParam{P: p.in(n, 1, 0), G: g, M: p.in(n, 0, 0.1), V: p.in(n, 0, 0.5), WeightDecay: float64(n%2) * 0.1})
				gradients = append(gradients, g)
			}
			for step := 1; step <= 3; step++ {
				p.AdamStep(kernel.Adam{LearningRate: 0.01, Beta1: 0.9, Beta2: 0.99, Eps: 1e-8, Step: step, GradScale: 0.5, Decoupled: decoupled}, params)
				params = params[:len(params)-1]
			}
			p.put([]float32{float32(p.SumSquares(gradients)), float32(p.SumSquares(gradients[:2]))})
		})
	}
}

func TestSumSquaresNotFinite(t *testing.T) {
	d := deviceToTest(t)
	x := d.Alloc(5000)
	d.Fill(x, 1)
	d.Fill(x.Slice(4500, 1), math.NaN())
	if got := d.SumSquares([]kernel.Buffer{x}); !math.IsNaN(got) {
		t.Errorf("with NaN: %g", got)
	}
}

// TestFewBlocks has grids of one block, so that kernels loop over all their work: shared memory must have been read before it is
// written again.
func TestFewBlocks(t *testing.T) {
	most := mostBlocks
	defer func() { mostBlocks = most }()
	mostBlocks = 1
	for name, f := range map[string]func(*testing.T){
		"Reduce": TestReduce, "SumTo": TestSumTo, "ActivationBiasGrad": TestActivationBiasGrad, "SoftmaxOfRows": TestSoftmaxOfRows,
		"BatchNorm": TestBatchNorm, "LayerNorm": TestLayerNorm, "GroupNorm": TestGroupNorm, "Windows": TestWindows, "Coupling": TestCoupling, "Copy": TestCopy, "Random": TestRandom,
	} {
		t.Run(name, f)
	}
}
