package cpu

import (
	"math"

	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// runWinograd transforms the weights and computes the tiles.
func (p *products) runWinograd(j *winogradJob) {
	if j.bias == 0 {
		j.bias = address(p.zeros)
	}
	var kept bool
	if j.weights, kept = p.winogradRoom(j, len(j.parts)*j.n*j.n*j.depth*j.width); !kept {
		p.pool.Run(len(j.parts)*j.width/p.width(), p.runWinogradWeights)
	}
	j.tasks = ceil(j.tiles, winogradTiles)
	if j.sum {
		threads := p.pool.Threads()
		j.tasks = min(j.tasks, max(ceil(ceil(j.tiles, winogradSumTiles), threads), 4)*threads)
		p.pool.Run(j.tasks, p.runWinogradTiles)
	} else {
		p.pool.Run(j.tasks*len(j.parts), p.runWinogradTiles)
	}
}

// winogradPanel is where the weights of a panel of a point of a part begin.
func (j *winogradJob) winogradPanel(part, point, column int) uintptr {
	return address(j.weights) + uintptr(4*((part*j.n*j.n+point)*j.width+column)*j.depth)
}

// winogradWeightsTask transforms the weights of a panel of a part.
func (p *products) winogradWeightsTask(task, worker int) {
	const most = 128 // depth at a time: what is transposed stays in the level-1 cache
	j, w, row := &p.winograd, p.workers[worker], 4*p.width()
	part, column := task/(j.width/p.width()), task%(j.width/p.width())*p.width()
	s, expand, taps := &w.winograd, p.passes.WinogradExpand[j.n][j.r], j.parts[part].taps[:j.r*j.r]
	for point := range j.n * j.n {
		s.dst[point] = j.winogradPanel(part, point, column)
	}
	if !j.transposed {
		for t, tap := range taps {
			s.src[t] = j.w + uintptr(tap+4*column)
		}
		expand(&s.src, &s.dst, j.wStride, row, j.depth)
		p.pairWinogradWeights(w, part, column)
		return
	}
	across := address(aligned(&s.points, len(taps)*most*p.width()))
	for k := 0; k < j.depth; k += most {
		n := min(most, j.depth-k)
		for t, tap := range taps {
			s.src[t] = across + uintptr(t*most*row)
			for i := 0; i < p.width(); i += len(w.transposed) {
				for r := range w.transposed {
					w.transposed[r] = j.w + uintptr(tap+(column+i+r)*j.wStride+4*k)
				}
				w.transposition = simd.Transposition{Rows: &w.transposed[0], Dst: s.src[t] + uintptr(4*i), DstStride: row, K: n}
				p.Transpose(&w.transposition)
			}
		}
		expand(&s.src, &s.dst, row, row, n)
		for point := range j.n * j.n {
			s.dst[point] += uintptr(n * row)
		}
	}
	p.pairWinogradWeights(w, part, column)
}

// winogradWorker is what a worker needs for its tiles.
type winogradWorker struct {
	src, dst         [16]uintptr // rows that a transform reads and writes
	points, products []float32   // [point, tile, channel]
	a, c             [winogradSumTiles]uintptr
	ignored          []float32 // pixels beyond the result
}

// pointStride is the distance between the points of tiles, in numbers: not a multiple of a page, which would bring what
// a transform writes at a time to the same few lines of the level-1 cache.
func pointStride(tiles, channels int) int { return tiles*channels + 32 }

// winogradTilesTask computes a range of tiles: of the sum of all parts, or of one.
func (p *products) winogradTilesTask(task, worker int) {
	j, w := &p.winograd, p.workers[worker]
	parts := j.parts
	offset := 0
	if !j.sum {
		offset = task / j.tasks
		parts = parts[offset:][:1]
	}
	from, to := split(j.tiles, task%j.tasks, j.tasks), split(j.tiles, task%j.tasks+1, j.tasks)
	for i := range parts {
		p.winogradPoints(w, &parts[i], from, to)
		p.winogradProducts(w, offset+i, to-from, i > 0)
	}
	p.winogradResults(w, &parts[0], from, to)
}

// winogradPoints transforms the input of tiles from to to.
func (p *products) winogradPoints(w *productWorker, part *winogradPart, from, to int) {
	j, s := &p.winograd, &w.winograd
	points, stride := j.n*j.n, pointStride(to-from, j.depth)
	values := address(aligned(&s.points, points*stride))
	step := 4 * p.width()
	for tile := from; tile < to; tile++ {
		image, y, x := j.tile(tile)
		part.in.square(s.src[:], image, part.inY+y*part.in.stepY, part.inX+x*part.in.stepX, j.n)
		for point := range points {
			s.dst[point] = values + uintptr(4*(point*stride+(tile-from)*j.depth))
		}
		p.passes.WinogradInput[j.n](&s.src, &s.dst, step, step, j.depth/p.width())
	}
}

// winogradProducts multiplies the points of so many tiles with a part's weights.
func (p *products) winogradProducts(w *productWorker, part, tiles int, accumulate bool) {
	j, s, t := &p.winograd, &w.winograd, &w.tile
	points, stride, productStride := j.n*j.n, pointStride(tiles, j.depth), pointStride(tiles, j.width)
	values, products := address(s.points), address(aligned(&s.products, points*productStride))
	*t = simd.Tile{Taps: 1, K: j.depth, BStride: 4 * p.width(), Columns: p.width()}
	paired := p.bf16 != nil
	if paired {
		t.K, t.BLow = pairs(j.depth), p.winogradLow()
	}
	if accumulate {
		t.Accumulate = 1
	}
	heights := ceil(tiles, p.height(paired))
	for point := range points {
		for i := range tiles {
			s.a[i] = values + uintptr(4*(point*stride+i*j.depth))
			s.c[i] = products + uintptr(4*(point*productStride+i*j.width))
		}
		if paired {
			p.roundTile(w, t, s.a[:tiles], j.depth)
		}
		for column := 0; column < j.width; column += p.width() {
			t.B, t.COffset = j.winogradPanel(part, point, column), 4*column
			for i := range heights {
				r0, r1 := p.edge(tiles, i, heights, paired), p.edge(tiles, i+1, heights, paired)
				t.A, t.C = &s.a[r0], &s.c[r0]
				if paired {
					p.bf16.multiplyRows(w, t, 2, r1-r0)
				} else {
					p.Rows[1][r1-r0](t)
				}
			}
		}
	}
}

// winogradResults transforms the products into pixels.
func (p *products) winogradResults(w *productWorker, part *winogradPart, from, to int) {
	j, s := &p.winograd, &w.winograd
	points, stride := j.n*j.n, pointStride(to-from, j.width)
	part.out.outside = address(aligned(&s.ignored, j.width))
	step, floor := 4*p.width(), float32(math.Inf(-1))
	if j.act == kernel.ReLU {
		floor = 0
	}
	for tile := from; tile < to; tile++ {
		image, y, x := j.tile(tile)
		out := part.out
		out.square(s.dst[:], image, part.outY+y*out.stepY, part.outX+x*out.stepX, j.m)
		for point := range points {
			s.src[point] = address(s.products) + uintptr(4*(point*stride+(tile-from)*j.width))
		}
		p.passes.WinogradCollect[j.n][j.m](&s.src, &s.dst, step, step, j.width/p.width(), j.bias, floor)
		if j.act == kernel.NoActivation || j.act == kernel.ReLU {
			continue
		}
		for _, row := range s.dst[:j.m*j.m] {
			if row != out.outside {
				y := p.operands[result][int(row-address(p.operands[result]))/4:]
				p.activate(j.act, j.slope, y[:j.width])
			}
		}
	}
}
