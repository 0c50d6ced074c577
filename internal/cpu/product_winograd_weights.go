package cpu

import (
	"math"

	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// winogradImages is what the gradient of the weights sums over: the points of a block of tiles of all workers.
type winogradImages struct {
	gy          grid
	from, to    int       // tiles of the block
	part        int       // whose gradient is computed
	input       []float32 // [point, tile, channel], rows inputStride apart
	output      []float32 // [point, panel of channels, tile, tile's width]
	sums        []float32 // [point, channel of the input, channel of the output]
	rangesOfC   int       // tasks a point
	inputStride int
}

const (
	// winogradBlock is the number of tiles whose points are computed before they are multiplied.
	winogradBlock = 256
	// winogradGrain is the number of tiles that a task transforms.
	winogradGrain = 16
)

// winogradBackwardWeight is conv2dBackwardWeight: the gradient of each of n×n transformed weights is a sum over tiles of
// products of a transformed input with a transformed gradient of the output.
func (p *products) winogradBackwardWeight(c kernel.Conv, f filtering, x, gy, gw []float32) {
	j := p.beginWinograd(c, f, c.OH, c.OW)
	j.depth, j.width, j.w, j.wStride = c.C, c.O, address(gw), 4*c.O
	p.addInputPhases(j, c, x)
	s, points := &j.images, j.n*j.n
	p.needBlank(max(c.C, p.width()))
	s.gy, s.inputStride = p.outputGrid(c, gy), c.C+16 // so that rows lie in different sets of the level-1 cache
	s.input = aligned(&s.input, points*winogradBlock*s.inputStride)
	s.output = aligned(&s.output, points*winogradBlock*c.O)
	s.sums = aligned(&s.sums, points*c.C*c.O)
	s.rangesOfC = max(1, min(ceil(4*p.pool.Threads(), points), ceil(c.C, 2*p.Height)))
	blocks := ceil(j.tiles, winogradBlock)
	for s.part = range j.parts {
		for block := range blocks {
			s.from, s.to = split(j.tiles, block, blocks), split(j.tiles, block+1, blocks)
			p.pool.Run(ceil(s.to-s.from, winogradGrain), p.runWinogradImages)
			p.pool.Run(points*s.rangesOfC, p.runWinogradSums)
		}
		p.pool.Run(c.C/8, p.runWinogradCollect)
	}
}

// winogradImagesTask transforms some tiles of the block.
func (p *products) winogradImagesTask(task, worker int) {
	j, w := &p.winograd, p.workers[worker]
	s, t, points, width, step := &j.images, &w.winograd, j.n*j.n, p.width(), 4*p.width()
	tiles := s.to - s.from
	part := &j.parts[s.part]
	for i := task * winogradGrain; i < min(tiles, (task+1)*winogradGrain); i++ {
		image, y, x := j.tile(s.from + i)
		part.in.square(t.src[:], image, part.inY+y*part.in.stepY, part.inX+x*part.in.stepX, j.n)
		for point := range points {
			t.dst[point] = address(s.input) + uintptr(4*(point*winogradBlock+i)*s.inputStride)
		}
		p.passes.WinogradInput[j.n](&t.src, &t.dst, step, step, j.depth/width)

		s.gy.square(t.src[:], image, y, x, j.m)
		for point := range points {
			t.dst[point] = address(s.output) + uintptr(4*(point*winogradBlock*j.width+i*width))
		}
		p.passes.WinogradExpand[j.n][j.m](&t.src, &t.dst, step, step*winogradBlock, j.width/width)
	}
}

// winogradSumsTask adds the block's products to some rows of the sums of a point.
func (p *products) winogradSumsTask(task, worker int) {
	j, w := &p.winograd, p.workers[worker]
	s, t, width := &j.images, &w.tile, p.width()
	point, tiles := task/s.rangesOfC, s.to-s.from
	first, last := split(j.depth, task%s.rangesOfC, s.rangesOfC), split(j.depth, task%s.rangesOfC+1, s.rangesOfC)
	output, rows, paired := address(s.output)+uintptr(4*point*j.width*winogradBlock), winogradBlock, p.bf16 != nil
	*t = simd.Tile{K: tiles, BStride: 4 * width, C: &w.rows[0], Columns: width}
	if paired {
		output, t.BLow = p.pairWinogradOutput(w, output, tiles)
		t.K = p.bf16.pairsOf(tiles)
		rows = t.K
	}
	table := w.addresses(max(tiles, 2*t.K))[:tiles] // room to fill up pairs
	for i := range table {
		table[i] = address(s.input) + uintptr(4*(point*winogradBlock+i)*s.inputStride)
	}
	t.A = &table[0]
	if s.from > 0 {
		t.Accumulate = 1
	}
	heights, group := ceil(last-first, p.height(paired)), pairColumns/p.height(paired) // group: tiles that share what is paired
	edge := func(i int) int { return first + p.edge(last-first, i, heights, paired) }
	for i := range heights {
		r0, r1 := edge(i), edge(i+1)
		for r := r0; r < r1; r++ {
			w.rows[r-r0] = address(s.sums) + uintptr(4*(point*j.depth+r)*j.width)
		}
		t.AOffset = 4 * r0
		if paired {
			if i%group == 0 {
				p.pairTiles(w, t, table, r0, edge(min(heights, i+group)))
			}
			t.AOffset = 4 * (r0 - edge(i-i%group))
		}
		for column := 0; column < j.width; column += width {
			t.B, t.COffset = output+uintptr(4*column*rows), 4*column
			if paired {
				p.bf16.multiplyColumns(w, t, 2, r1-r0)
			} else {
				p.Columns[1][r1-r0](t)
			}
		}
	}
}

// winogradCollectTask transforms eight rows of the sums to gradients of weights.
func (p *products) winogradCollectTask(task, worker int) {
	j, w := &p.winograd, p.workers[worker]
	s, t, step := &j.images, &w.winograd, 4*p.width()
	for row := 8 * task; row < 8*task+8; row++ {
		for point := range j.n * j.n {
			t.src[point] = address(s.sums) + uintptr(4*(point*j.depth+row)*j.width)
		}
		for i, tap := range j.parts[s.part].taps[:j.r*j.r] {
			t.dst[i] = j.w + uintptr(tap+row*j.wStride)
		}
		p.passes.WinogradCollect[j.n][j.r](&t.src, &t.dst, step, step, j.width/p.width(), address(p.zeros), float32(math.Inf(-1)))
	}
}
