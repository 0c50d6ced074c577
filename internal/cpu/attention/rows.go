package attention

import (
	"math"
	"math/bits"

	"github.com/bestiary-ml/bestiary/internal/cpu/gemm"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// rowsOfHeadTask computes the queries of a head one by one, without packing keys and values.
func (p *Engine) rowsOfHeadTask(task, worker int) {
	a, w := &p.job, p.workers[worker]
	b, h := task/a.Heads, task%a.Heads
	scores := gemm.Aligned(&w.scores, a.Keys)[:a.Keys]
	keys, values := a.K[b*a.BatchK+h*a.Dim:], a.V[b*a.BatchV+h*a.Dim:]
	for i := range a.Queries {
		q := a.Query(b, h, i)
		for j := 0; j < a.Keys; j += 4 {
			if j+4 <= a.Keys {
				p.Passes.DotRows(q, keys[j*a.RowK:], a.RowK, (*[4]float32)(scores[j:]))
				continue
			}
			for ; j < a.Keys; j++ {
				scores[j] = float32(p.Passes.Dot(q, a.Key(b, h, j)))
			}
		}
		p.Passes.Unary[kernel.Scale](float32(a.Scale), scores, scores)
		a.maskRow(b, i, scores)
		y := a.Y[b*a.BatchY+i*a.RowY+h*a.Dim:][:a.Dim]
		clear(y)
		largest, total := p.Passes.Max(scores), 0.0
		if !math.IsInf(float64(largest), -1) {
			total = p.Passes.ExpShift(largest, scores, scores)
			p.Passes.Unary[kernel.Scale](float32(1/total), scores, scores)
			j := 0
			for ; j+4 <= a.Keys; j += 4 {
				p.Passes.AddRows((*[4]float32)(scores[j:]), values[j*a.RowV:], a.RowV, y)
			}
			for ; j < a.Keys; j++ {
				p.Passes.AddScaled(scores[j], a.Value(b, h, j), y)
			}
		}
		if a.LogSum != nil {
			a.LogSum[(b*a.Heads+h)*a.Queries+i] = float32(float64(largest) + math.Log(total))
		}
	}
}

// maskRow sets the scores of the keys that are masked for query i of sequence b to −∞.
func (a *job) maskRow(b, i int, scores []float32) {
	inf := float32(math.Inf(-1))
	if a.Mask != nil {
		words := a.MaskRows[(a.First+i)*a.Mask.Words():]
		for j := 0; j < len(scores); j += 32 {
			hidden := ^uint32(words[j/32]) & (1<<min(32, len(scores)-j) - 1)
			for ; hidden != 0; hidden &= hidden - 1 {
				scores[j+bits.TrailingZeros32(hidden)] = inf
			}
		}
	}
	if a.Keep != nil {
		for j, keep := range a.Keep[b*a.Keys:][:len(scores)] {
			if keep == 0 {
				scores[j] = inf
			}
		}
	}
}
