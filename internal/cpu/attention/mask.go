package attention

import (
	"math"
	"math/bits"

	"github.com/bestiary-ml/bestiary/internal/cpu/gemm"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// columnRun is a run of a block's columns: n keys, from place key on.
type columnRun struct{ column, key, n int }

// listColumns lists the columns of a block: runs of keys, and the runs among them whose bits must be checked.
func (p *Engine) listColumns(w *worker, block int) (columns int) {
	a := &p.job
	w.columns, w.masked = w.columns[:0], w.masked[:0]
	if a.starts == nil {
		w.columns = append(w.columns, columnRun{0, 0, a.Keys})
		if len(w.dropped) > 0 {
			w.masked = append(w.masked, w.columns[0])
		}
		return a.Keys
	}
	for _, tile := range a.tiles[a.starts[block]:a.starts[block+1]] {
		key := int(tile>>1) * kernel.AttentionTile
		run := columnRun{columns, key, min(kernel.AttentionTile, a.Keys-key)}
		if tile&1 == 0 || len(w.dropped) > 0 {
			w.masked = append(w.masked, run)
		}
		if last := len(w.columns) - 1; last >= 0 && w.columns[last].key+w.columns[last].n == key {
			w.columns[last].n += run.n
		} else {
			w.columns = append(w.columns, run)
		}
		columns += run.n
	}
	return columns
}

// noteDropped sets the bits of the keys of sequence b that Keep excludes.
func (a *job) noteDropped(w *worker, b int) {
	w.dropped = w.dropped[:0]
	if a.Keep == nil {
		return
	}
	w.dropped = append(w.dropped, make([]uint32, gemm.Ceil(a.Keys, 32))...)
	for place := range a.Keys {
		if a.Keep[b*a.Keys+a.position(place)] == 0 {
			w.dropped[place/32] |= 1 << (place % 32)
		}
	}
}

// mask sets masked scores to −∞, for n queries from place on.
func (a *job) mask(w *worker, scores []float32, place, n int) {
	inf := float32(math.Inf(-1))
	for _, run := range w.masked {
		for at := 0; at < run.n; at += 32 {
			tile := (run.key + at) / 32
			dropped := uint32(0)
			if len(w.dropped) > 0 {
				dropped = w.dropped[tile]
			}
			present := uint32(1)<<min(32, run.n-at) - 1 // 1<<32 is 0
			for i := range n {
				hidden := dropped
				if a.bits != nil {
					hidden |= ^uint32(a.bits[(place+i)*a.Mask.Words()+tile])
				}
				row := scores[i*a.row+run.column+at:]
				for hidden &= present; hidden != 0; hidden &= hidden - 1 {
					row[bits.TrailingZeros32(hidden)] = inf
				}
			}
		}
	}
}
