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
	a.noteDropped(w, b)
	keysAcross := a.across(w, &w.keysAcross, a.K[b*a.BatchK+h*a.Dim:], a.RowK, float32(a.Scale))
	values := a.down(w, &w.down, a.V[b*a.BatchV+h*a.Dim:], a.RowV)
	const tile = kernel.AttentionTile
	out := gemm.Aligned(&w.out, tile*a.width)
	scores := gemm.Aligned(&w.scores, tile*a.row)
	for place := 0; place < a.Queries; place += tile {
		n := min(tile, a.Queries-place)
		columns := p.listColumns(w, place/tile)
		p.ahead(a.Y[b*a.BatchY+h*a.Dim:], a.RowY, place, n)
		if next := place + n; next < a.Queries {
			p.ahead(a.Q[b*a.BatchQ+h*a.Dim:], a.RowQ, next, min(tile, a.Queries-next))
		}
		a.score(w, scores, p.inPlace(w, a.Q[b*a.BatchQ+h*a.Dim:], a.RowQ, place, n), keysAcross)
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
			p.scatter(out[i*a.width:], a.Y[b*a.BatchY+h*a.Dim:], a.RowY, place+i, 1, scale[i])
		}
	}
}

// headGradTask computes the gradients of a head; the portable kernel has the formula.
func (p *Engine) headGradTask(task, worker int) {
	a, w := &p.job, p.workers[worker]
	b, h := task/a.Heads, task%a.Heads
	a.noteDropped(w, b)
	keys := a.down(w, &w.down, a.K[b*a.BatchK+h*a.Dim:], a.RowK)
	keysAcross := a.across(w, &w.keysAcross, a.K[b*a.BatchK+h*a.Dim:], a.RowK, float32(a.Scale)) // scores are those of the forward pass
	valuesAcross := a.across(w, &w.valuesAcross, a.V[b*a.BatchV+h*a.Dim:], a.RowV, 1)
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
		p.ahead(a.GQ[b*a.BatchQ+h*a.Dim:], a.RowQ, place, n)
		if k := min(n, a.Keys-place); k > 0 {
			p.ahead(a.GK[b*a.BatchK+h*a.Dim:], a.RowK, place, k)
			p.ahead(a.GV[b*a.BatchV+h*a.Dim:], a.RowV, place, k)
		}
		if next := place + n; next < a.Queries {
			m := min(tile, a.Queries-next)
			p.ahead(a.Q[b*a.BatchQ+h*a.Dim:], a.RowQ, next, m)
			p.ahead(a.GY[b*a.BatchY+h*a.Dim:], a.RowY, next, m)
			p.ahead(a.Y[b*a.BatchY+h*a.Dim:], a.RowY, next, m)
		}
		p.gather(queries, a.Q[b*a.BatchQ+h*a.Dim:], a.RowQ, place, n, float32(a.Scale))
		p.gather(gOut, a.GY[b*a.BatchY+h*a.Dim:], a.RowY, place, n, 1)
		a.score(w, scores, p.inPlace(w, a.Q[b*a.BatchQ+h*a.Dim:], a.RowQ, place, n), keysAcross)
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
			delta := p.Passes.Dot(gOut[i*a.width:][:a.Dim], a.Y[b*a.BatchY+position*a.RowY+h*a.Dim:][:a.Dim])
			p.Passes.SoftmaxGrad(float32(delta), row, g, g)
		}
		a.addBackward(w, gValues, scores, n, gOut)
		a.addBackward(w, gKeys, gScores, n, queries)
		if columns == 0 {
			clear(gQueries[:n*a.width])
		}
		a.mix(w, gQueries, gScores, n, keys)
		p.scatter(gQueries, a.GQ[b*a.BatchQ+h*a.Dim:], a.RowQ, place, n, float32(a.Scale))
	}
	p.scatter(a.collect(w, gKeys), a.GK[b*a.BatchK+h*a.Dim:], a.RowK, 0, a.Keys, 1)
	p.scatter(a.collect(w, gValues), a.GV[b*a.BatchV+h*a.Dim:], a.RowV, 0, a.Keys, 1)
}
