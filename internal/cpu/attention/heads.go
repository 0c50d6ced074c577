package attention

import (
	"math"

	"github.com/bestiary-ml/bestiary/internal/cpu/gemm"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// headTask computes a head.
func (p *Engine) headTask(task, worker int) {
	a, w := &p.job, p.workers[worker]
	b, h := task/a.Heads, task%a.Heads
	q, k, v, y := a.Q[b*a.BatchQ+h*a.Dim:], a.K[b*a.BatchK+h*a.Dim:], a.V[b*a.BatchV+h*a.Dim:], a.Y[b*a.BatchY+h*a.Dim:]
	a.noteDropped(w, b)
	keysAcross := a.across(w, &w.keysAcross, k, a.RowK, float32(a.Scale))
	values := a.down(w, &w.down, v, a.RowV)
	const tile = kernel.AttentionTile
	out := gemm.Aligned(&w.out, tile*a.width)
	scores := gemm.Aligned(&w.scores, tile*a.row)
	for place := 0; place < a.Queries; place += tile {
		n := min(tile, a.Queries-place)
		columns := p.listColumns(w, place/tile)
		p.ahead(y, a.RowY, place, n)
		p.ahead(q, a.RowQ, place+n, min(tile, a.Queries-place-n))
		a.score(w, scores, p.inPlace(w, q, a.RowQ, place, n), keysAcross)
		a.mask(w, scores, place, n)
		if columns == 0 {
			clear(out[:n*a.width])
		}
		var scale [tile]float32
		for i := range n {
			row := scores[i*a.row:][:columns]
			largest, total := p.Passes.Max(row), 0.0
			if math.IsInf(float64(largest), -1) {
				clear(row)
			} else {
				total = p.Passes.ExpShift(largest, row, row)
				scale[i] = float32(1 / total)
			}
			if a.LogSum != nil {
				a.LogSum[(b*a.Heads+h)*a.Queries+a.position(place+i)] = float32(float64(largest) + math.Log(total))
			}
		}
		a.mix(w, out, scores, n, values)
		for i := range n {
			p.scatter(out[i*a.width:], y, a.RowY, place+i, 1, scale[i])
		}
	}
}

// headGradTask computes the gradients of a head; the portable kernel has the formula.
func (p *Engine) headGradTask(task, worker int) {
	a, w := &p.job, p.workers[worker]
	b, h := task/a.Heads, task%a.Heads
	q, k, v, y := a.Q[b*a.BatchQ+h*a.Dim:], a.K[b*a.BatchK+h*a.Dim:], a.V[b*a.BatchV+h*a.Dim:], a.Y[b*a.BatchY+h*a.Dim:]
	gq, gk, gv, gy := a.GQ[b*a.BatchQ+h*a.Dim:], a.GK[b*a.BatchK+h*a.Dim:], a.GV[b*a.BatchV+h*a.Dim:], a.GY[b*a.BatchY+h*a.Dim:]
	a.noteDropped(w, b)
	keys := a.down(w, &w.down, k, a.RowK)
	keysAcross := a.across(w, &w.keysAcross, k, a.RowK, float32(a.Scale)) // scores are those of the forward pass
	valuesAcross := a.across(w, &w.valuesAcross, v, a.RowV, 1)
	sums := a.row * a.width // elements, transposed or not
	gKeys, gValues := gemm.Aligned(&w.gKeys, sums), gemm.Aligned(&w.gValues, sums)
	clear(gKeys[:sums])
	clear(gValues[:sums])
	const tile = kernel.AttentionTile
	queries, gQueries := gemm.Aligned(&w.queries, tile*a.width), gemm.Aligned(&w.gQueries, tile*a.width)
	gOut := gemm.Aligned(&w.gOut, tile*a.width)
	scores, gScores := gemm.Aligned(&w.scores, tile*a.row), gemm.Aligned(&w.gScores, tile*a.row)
	for place := 0; place < a.Queries; place += tile {
		n := min(tile, a.Queries-place)
		columns := p.listColumns(w, place/tile)
		p.ahead(gq, a.RowQ, place, n)
		keyed, next := min(n, a.Keys-place), min(tile, a.Queries-place-n)
		p.ahead(gk, a.RowK, place, keyed) // a part in each block, although they are written after the last one
		p.ahead(gv, a.RowV, place, keyed)
		p.ahead(q, a.RowQ, place+n, next)
		p.ahead(gy, a.RowY, place+n, next)
		p.ahead(y, a.RowY, place+n, next)
		p.gather(queries, q, a.RowQ, place, n, float32(a.Scale))
		p.gather(gOut, gy, a.RowY, place, n, 1)
		a.score(w, scores, p.inPlace(w, q, a.RowQ, place, n), keysAcross)
		a.mask(w, scores, place, n)
		a.score(w, gScores, w.addresses(gOut, n, a.width), valuesAcross)
		for i := range n {
			position := a.position(place + i)
			row, g := scores[i*a.row:][:columns], gScores[i*a.row:][:columns]
			logSum := a.LogSum[(b*a.Heads+h)*a.Queries+position]
			if math.IsInf(float64(logSum), -1) {
				clear(row)
				clear(g)
				continue
			}
			p.Passes.ExpShift(logSum, row, row)
			delta := p.Passes.Dot(gOut[i*a.width:][:a.Dim], y[position*a.RowY:][:a.Dim])
			p.Passes.SoftmaxGrad(float32(delta), row, g, g)
		}
		a.addBackward(w, gValues, scores, n, gOut)
		a.addBackward(w, gKeys, gScores, n, queries)
		if columns == 0 {
			clear(gQueries[:n*a.width])
		}
		a.mix(w, gQueries, gScores, n, keys)
		p.scatter(gQueries, gq, a.RowQ, place, n, float32(a.Scale))
	}
	p.scatter(a.collect(w, gKeys), gk, a.RowK, 0, a.Keys, 1)
	p.scatter(a.collect(w, gValues), gv, a.RowV, 0, a.Keys, 1)
}
