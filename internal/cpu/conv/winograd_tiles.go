package conv

import (
	"math"

	"github.com/bestiary-ml/bestiary/internal/cpu/gemm"
	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// runWinograd transforms the weights and computes the tiles.
func (p *Engine) runWinograd(j *winogradJob) {
	if j.bias == 0 {
		j.bias = gemm.Address(p.zeros)
	}
	var kept bool
	if j.weights, kept = p.winogradRoom(j, len(j.parts)*j.n*j.n*j.depth*j.width); !kept {
		p.Pool.Run(len(j.parts)*j.width/p.Width(), p.runWinogradWeights)
	}
	j.tasks = gemm.Ceil(j.tiles, winogradTiles)
	if j.sum {
		threads := p.Pool.Threads()
		j.tasks = min(j.tasks, max(gemm.Ceil(gemm.Ceil(j.tiles, winogradSumTiles), threads), 4)*threads)
		p.Pool.Run(j.tasks, p.runWinogradTiles)
	} else {
		p.Pool.Run(j.tasks*len(j.parts), p.runWinogradTiles)
	}
}

// winogradPanel is the address of the weights of a panel, of a point of a part.
func (j *winogradJob) winogradPanel(part, point, column int) uintptr {
	return gemm.Address(j.weights) + uintptr(4*((part*j.n*j.n+point)*j.width+column)*j.depth)
}

// winogradWorker is the scratch memory of a worker.
type winogradWorker struct {
	src, dst         [16]uintptr // addresses of the rows of a transform
	points, products []float32   // [point, tile, channel]
	a, c             [winogradSumTiles]uintptr
	ignored          []float32 // a pixel outside the result
}

// pointStride is the number of elements from a point to the next. It is not a multiple of a page, or all points of a pixel would
// compete for the same lines of the level-1 cache.
func pointStride(tiles, channels int) int { return tiles*channels + 32 }

// winogradTilesTask computes a range of tiles, of the sum of all parts or of one part.
func (p *Engine) winogradTilesTask(task, worker int) {
	j, w := &p.winograd, p.workers[worker]
	parts := j.parts
	offset := 0
	if !j.sum {
		offset = task / j.tasks
		parts = parts[offset:][:1]
	}
	from, to := gemm.Split(j.tiles, task%j.tasks, j.tasks), gemm.Split(j.tiles, task%j.tasks+1, j.tasks)
	for i := range parts {
		p.winogradPoints(w, &parts[i], from, to)
		p.winogradProducts(w, offset+i, to-from, i > 0)
	}
	p.winogradResults(w, &parts[0], from, to)
}

// winogradPoints transforms the input of tiles from to to.
func (p *Engine) winogradPoints(w *worker, part *winogradPart, from, to int) {
	j, s := &p.winograd, &w.winograd
	points, stride := j.n*j.n, pointStride(to-from, j.depth)
	values := gemm.Address(gemm.Aligned(&s.points, points*stride))
	step := 4 * p.Width()
	for tile := from; tile < to; tile++ {
		image, y, x := j.tile(tile)
		part.in.Square(s.src[:], image, part.inY+y*part.in.StepY, part.inX+x*part.in.StepX, j.n)
		for point := range points {
			s.dst[point] = values + uintptr(4*(point*stride+(tile-from)*j.depth))
		}
		p.Passes.WinogradInput[j.n](&s.src, &s.dst, step, step, j.depth/p.Width())
	}
}

// winogradProducts multiplies the points of the given number of tiles by a part's weights.
func (p *Engine) winogradProducts(w *worker, part, tiles int, accumulate bool) {
	j, s, t := &p.winograd, &w.winograd, &w.Tile
	points, stride, productStride := j.n*j.n, pointStride(tiles, j.depth), pointStride(tiles, j.width)
	values, products := gemm.Address(s.points), gemm.Address(gemm.Aligned(&s.products, points*productStride))
	*t = simd.Tile{Panels: 1, Taps: 1, K: j.depth, BStride: 4 * p.Width(), Columns: p.Width()}
	paired := p.BF16 != nil
	if paired {
		t.K, t.BLow = gemm.Pairs(j.depth), p.winogradLow()
	}
	if accumulate {
		t.Accumulate = 1
	}
	heights := gemm.Ceil(tiles, p.Tallest(paired))
	for point := range points {
		for i := range tiles {
			s.a[i] = values + uintptr(4*(point*stride+i*j.depth))
			s.c[i] = products + uintptr(4*(point*productStride+i*j.width))
		}
		if paired {
			p.RoundTile(w.Worker, t, s.a[:tiles], j.depth)
		}
		for column := 0; column < j.width; column += p.Width() {
			t.B, t.COffset = j.winogradPanel(part, point, column), 4*column
			for i := range heights {
				r0, r1 := p.Edge(tiles, i, heights, paired), p.Edge(tiles, i+1, heights, paired)
				t.A, t.C = &s.a[r0], &s.c[r0]
				if paired {
					p.BF16.MultiplyRows(w.Worker, t, 2, r1-r0)
				} else {
					p.Rows[1][r1-r0](t)
				}
			}
		}
	}
}

// winogradResults transforms the products into pixels.
func (p *Engine) winogradResults(w *worker, part *winogradPart, from, to int) {
	j, s := &p.winograd, &w.winograd
	points, stride := j.n*j.n, pointStride(to-from, j.width)
	part.out.Outside = gemm.Address(gemm.Aligned(&s.ignored, j.width))
	step, floor := 4*p.Width(), float32(math.Inf(-1))
	if j.act == kernel.ActReLU {
		floor = 0
	}
	for tile := from; tile < to; tile++ {
		image, y, x := j.tile(tile)
		out := part.out
		out.Square(s.dst[:], image, part.outY+y*out.StepY, part.outX+x*out.StepX, j.M)
		for point := range points {
			s.src[point] = gemm.Address(s.products) + uintptr(4*(point*stride+(tile-from)*j.width))
		}
		p.Passes.WinogradCollect[j.n][j.M](&s.src, &s.dst, step, step, j.width/p.Width(), j.bias, floor)
		if j.act == kernel.ActNone || j.act == kernel.ActReLU {
			continue
		}
		for _, row := range s.dst[:j.M*j.M] {
			if row != out.Outside {
				y := p.Operands[gemm.Result][int(row-gemm.Address(p.Operands[gemm.Result]))/4:]
				p.Activate(j.act, j.slope, y[:j.width])
			}
		}
	}
}
