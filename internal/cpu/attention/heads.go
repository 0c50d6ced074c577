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
	panels := gemm.Ceil(a.Keys, p.Width()) * p.Width() * a.Dim
	across := gemm.Aligned(&w.keysAcross, panels)[:panels]
	p.across(w, across, a.K[b*a.BatchK+h*a.Dim:], a.RowK)
	p.Passes.Unary[kernel.Scale](float32(a.Scale), across, across) // of the keys, since panels are one long row
	values := gemm.Aligned(&w.values, a.Keys*a.width)
	p.gather(values, a.V[b*a.BatchV+h*a.Dim:], a.RowV, 0, a.Keys, 1)
	const tile = kernel.AttentionTile
	out := gemm.Aligned(&w.out, tile*a.width)
	scores := gemm.Aligned(&w.scores, tile*a.Keys)
	for place := 0; place < a.Queries; place += tile {
		n := min(tile, a.Queries-place)
		columns := p.listColumns(w, place/tile)
		p.score(w, scores, a.Keys, p.inPlace(w, a.Q[b*a.BatchQ+h*a.Dim:], a.RowQ, place, n), across)
		a.mask(w, scores, a.Keys, place, n)
		if columns == 0 {
			clear(out[:n*a.width])
		}
		var scale [tile]float32
		for i := range n {
			row := scores[i*a.Keys:][:columns]
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
		p.mix(w, out, scores, a.Keys, n, values)
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
	panels := gemm.Ceil(a.Keys, p.Width()) * p.Width() * a.Dim
	keys, keysAcross := gemm.Aligned(&w.keys, a.Keys*a.width), gemm.Aligned(&w.keysAcross, panels)
	p.gather(keys, a.K[b*a.BatchK+h*a.Dim:], a.RowK, 0, a.Keys, 1)
	p.across(w, keysAcross, a.K[b*a.BatchK+h*a.Dim:], a.RowK)
	values, valuesAcross := gemm.Aligned(&w.values, a.Keys*a.width), gemm.Aligned(&w.valuesAcross, panels)
	p.gather(values, a.V[b*a.BatchV+h*a.Dim:], a.RowV, 0, a.Keys, 1)
	p.across(w, valuesAcross, a.V[b*a.BatchV+h*a.Dim:], a.RowV)
	gKeys, gValues := gemm.Aligned(&w.gKeys, a.Keys*a.width), gemm.Aligned(&w.gValues, a.Keys*a.width)
	clear(gKeys[:a.Keys*a.width])
	clear(gValues[:a.Keys*a.width])
	const tile = kernel.AttentionTile
	queries, gQueries := gemm.Aligned(&w.queries, tile*a.width), gemm.Aligned(&w.gQueries, tile*a.width)
	gOut := gemm.Aligned(&w.gOut, tile*a.width)
	scores, gScores := gemm.Aligned(&w.scores, tile*a.Keys), gemm.Aligned(&w.gScores, tile*a.Keys)
	for place := 0; place < a.Queries; place += tile {
		n := min(tile, a.Queries-place)
		columns := p.listColumns(w, place/tile)
		p.gather(queries, a.Q[b*a.BatchQ+h*a.Dim:], a.RowQ, place, n, float32(a.Scale))
		p.gather(gOut, a.GY[b*a.BatchY+h*a.Dim:], a.RowY, place, n, 1)
		p.score(w, scores, a.Keys, p.gathered(w, queries, n), keysAcross)
		a.mask(w, scores, a.Keys, place, n)
		p.score(w, gScores, a.Keys, p.gathered(w, gOut, n), valuesAcross)
		for i := range n {
			position := a.position(place + i)
			row, g := scores[i*a.Keys:][:columns], gScores[i*a.Keys:][:columns]
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
		p.addBackward(w, gValues, scores, a.Keys, n, gOut)
		p.addBackward(w, gKeys, gScores, a.Keys, n, queries)
		if columns == 0 {
			clear(gQueries[:n*a.width])
		}
		p.mix(w, gQueries, gScores, a.Keys, n, keys)
		p.scatter(gQueries, a.GQ[b*a.BatchQ+h*a.Dim:], a.RowQ, place, n, float32(a.Scale))
	}
	p.scatter(gKeys, a.GK[b*a.BatchK+h*a.Dim:], a.RowK, 0, a.Keys, 1)
	p.scatter(gValues, a.GV[b*a.BatchV+h*a.Dim:], a.RowV, 0, a.Keys, 1)
}
