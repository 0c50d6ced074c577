package conv

import (
	"math"

	"github.com/bestiary-ml/bestiary/internal/cpu/gemm"
	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/internal/winograd"
)

// winogradImages has the points of a block of tiles, over which the gradient of the weights sums.
type winogradImages struct {
	gy          gemm.Grid
	from, to    int       // tiles of the block
	part        int       // of the job, whose gradient is computed
	input       []float32 // [point, tile, channel], rows inputStride apart
	output      []float32 // [point, panel of channels, tile, tile's width]
	sums        []float32 // [point, channel of the input, channel of the output]
	rangesOfC   int       // tasks for each point
	inputStride int
}

const (
	// winogradBlock is the number of tiles whose points are computed before they are multiplied.
	winogradBlock = 256
	// winogradGrain is the number of tiles that a task transforms.
	winogradGrain = 16
)

// winogradBackwardWeight is BackwardWeight: the gradient of each of the n×n transformed weights is the sum over tiles of transformed
// inputs times transformed gradients of the output.
func (p *Engine) winogradBackwardWeight(c kernel.Conv, f winograd.Filter, x, gy, gw []float32) {
	j := p.beginWinograd(c, f, c.OH, c.OW)
	j.depth, j.width, j.w, j.wStride = c.C, c.O, gemm.Address(gw), 4*c.O
	p.addInputPhases(j, c, x)
	s, points := &j.images, j.n*j.n
	p.NeedBlank(max(c.C, p.Width()))
	s.gy, s.inputStride = p.outputGrid(c, gy), c.C+16 // so that rows fall into different sets of the level-1 cache
	s.input = gemm.Aligned(&s.input, points*winogradBlock*s.inputStride)
	s.output = gemm.Aligned(&s.output, points*winogradBlock*c.O)
	s.sums = gemm.Aligned(&s.sums, points*c.C*c.O)
	s.rangesOfC = max(1, min(gemm.Ceil(4*p.Pool.Threads(), points), gemm.Ceil(c.C, 2*p.Height)))
	blocks := gemm.Ceil(j.tiles, winogradBlock)
	for s.part = range j.parts {
		for block := range blocks {
			s.from, s.to = gemm.Split(j.tiles, block, blocks), gemm.Split(j.tiles, block+1, blocks)
			p.Pool.Run(gemm.Ceil(s.to-s.from, winogradGrain), p.runWinogradImages)
			p.Pool.Run(points*s.rangesOfC, p.runWinogradSums)
		}
		p.Pool.Run(c.C/8, p.runWinogradCollect)
	}
}

// winogradImagesTask transforms some tiles of the block.
func (p *Engine) winogradImagesTask(task, worker int) {
	j, w := &p.winograd, p.workers[worker]
	s, t, points, width, step := &j.images, &w.winograd, j.n*j.n, p.Width(), 4*p.Width()
	tiles := s.to - s.from
	part := &j.parts[s.part]
	for i := task * winogradGrain; i < min(tiles, (task+1)*winogradGrain); i++ {
		image, y, x := j.tile(s.from + i)
		part.in.Square(t.src[:], image, part.inY+y*part.in.StepY, part.inX+x*part.in.StepX, j.n)
		for point := range points {
			t.dst[point] = gemm.Address(s.input) + uintptr(4*(point*winogradBlock+i)*s.inputStride)
		}
		p.Passes.WinogradInput[j.n](&t.src, &t.dst, step, step, j.depth/width)

		s.gy.Square(t.src[:], image, y, x, j.M)
		for point := range points {
			t.dst[point] = gemm.Address(s.output) + uintptr(4*(point*winogradBlock*j.width+i*width))
		}
		p.Passes.WinogradExpand[j.n][j.M](&t.src, &t.dst, step, step*winogradBlock, j.width/width)
	}
}

// pairWinogradOutput rounds the panels of a point of the output's gradient to pairs, for the given
// number of tiles. It returns their address and the offset of their low parts in bytes.
func (p *Engine) pairWinogradOutput(w *worker, output uintptr, tiles int) (paired uintptr, low int) {
	j, depth := &p.winograd, p.BF16.PairsOf(tiles)
	paired, low = gemm.Address(gemm.Aligned(&w.B, p.BF16.Parts()*depth*j.width)), 4*depth*j.width
	for column := 0; column < j.width; column += p.Width() {
		p.PairPanel(w.Worker, paired+uintptr(4*column*depth), output+uintptr(4*column*winogradBlock), tiles, low)
	}
	return paired, low
}

// winogradSumsTask adds the products of the block to some rows of the sums of a point.
func (p *Engine) winogradSumsTask(task, worker int) {
	j, w := &p.winograd, p.workers[worker]
	s, t, width := &j.images, &w.Tile, p.Width()
	point, tiles := task/s.rangesOfC, s.to-s.from
	first, last := gemm.Split(j.depth, task%s.rangesOfC, s.rangesOfC), gemm.Split(j.depth, task%s.rangesOfC+1, s.rangesOfC)
	output, rows, paired := gemm.Address(s.output)+uintptr(4*point*j.width*winogradBlock), winogradBlock, p.BF16 != nil
	*t = simd.Tile{Panels: 1, K: tiles, BStride: 4 * width, C: &w.Rows[0], Columns: width}
	if paired {
		output, t.BLow = p.pairWinogradOutput(w, output, tiles)
		t.K = p.BF16.PairsOf(tiles)
		rows = t.K
	}
	table := w.Addresses(max(tiles, 2*t.K))[:tiles] // with room for zeros that fill up pairs
	for i := range table {
		table[i] = gemm.Address(s.input) + uintptr(4*(point*winogradBlock+i)*s.inputStride)
	}
	t.A = &table[0]
	if s.from > 0 {
		t.Accumulate = 1
	}
	heights, group := gemm.Ceil(last-first, p.Tallest(paired)), gemm.PairColumns/p.Tallest(paired) // group: number of tiles that are paired at once
	edge := func(i int) int { return first + p.Edge(last-first, i, heights, paired) }
	for i := range heights {
		r0, r1 := edge(i), edge(i+1)
		for r := r0; r < r1; r++ {
			w.Rows[r-r0] = gemm.Address(s.sums) + uintptr(4*(point*j.depth+r)*j.width)
		}
		t.AOffset = 4 * r0
		if paired {
			if i%group == 0 {
				p.PairTiles(w.Worker, t, table, r0, edge(min(heights, i+group)))
			}
			t.AOffset = 4 * (r0 - edge(i-i%group))
		}
		for column := 0; column < j.width; column += width {
			t.B, t.COffset = output+uintptr(4*column*rows), 4*column
			if paired {
				p.BF16.MultiplyColumns(w.Worker, t, 2, r1-r0)
			} else {
				p.Columns[1][r1-r0](t)
			}
		}
	}
}

// winogradCollectTask transforms eight rows of the sums to gradients of the weights.
func (p *Engine) winogradCollectTask(task, worker int) {
	j, w := &p.winograd, p.workers[worker]
	s, t, step := &j.images, &w.winograd, 4*p.Width()
	for row := 8 * task; row < 8*task+8; row++ {
		for point := range j.n * j.n {
			t.src[point] = gemm.Address(s.sums) + uintptr(4*(point*j.depth+row)*j.width)
		}
		for i, tap := range j.parts[s.part].taps[:j.R*j.R] {
			t.dst[i] = j.w + uintptr(tap+row*j.wStride)
		}
		p.Passes.WinogradCollect[j.n][j.R](&t.src, &t.dst, step, step, j.width/p.Width(), gemm.Address(p.zeros), float32(math.Inf(-1)))
	}
}
