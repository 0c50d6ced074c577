package cpu

import (
	"math"
	"math/bits"

	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// attending is an attention that runs, head by head, on the tile kernels.
//
// A head is computed in blocks of a tile of queries: the scores of a block over the keys that its tiles list are kept,
// which is a few rows of the n×n matrix at a time, and tiles of which nothing is seen are never touched. Keys that are
// listed lie side by side in the block: its columns.
type attending struct {
	attention[float32]
	order         []int32
	bits          []int32 // of the mask, by place
	starts, tiles []int32
	width         int // D rounded up to whole panels
}

// attendWorker is what a worker needs for a head. Keys and queries are in the order of places.
type attendWorker struct {
	keys, values                 []float32 // [keys, width]
	keysAcross, valuesAcross     []float32 // panels [D, W] of the transposed
	gKeys, gValues               []float32 // [keys, width]
	queries, gOut, out, gQueries []float32 // [tile, width]
	scores, gScores              []float32 // [tile, keys]
	dropped                      []uint32  // bits of the keys that keep refuses
	columns                      []columnRun
	masked                       []columnRun
}

// columnRun is a stretch of a block's columns: so many keys from a place on.
type columnRun struct{ column, key, n int }

// fewQueries is the number of queries below which packing keys and values costs more than it saves.
const fewQueries = 4

func (p *products) beginAttention(a attention[float32]) {
	p.mu.Lock()
	p.attending = attending{attention: a, width: ceil(a.Dim, p.width()) * p.width()}
	if m := a.Mask; m != nil {
		p.attending.order, p.attending.bits = ints(m.Order), ints(m.Bits)
		p.attending.starts, p.attending.tiles = ints(m.Starts), ints(m.Tiles)
	}
}

func (p *products) endAttention() {
	p.attending = attending{}
	p.mu.Unlock()
}

// attend is kernel.Sequences' Attention.
func (p *products) attend(a attention[float32]) {
	p.beginAttention(a)
	defer p.endAttention()
	whole := a.Mask == nil || a.First == 0 && a.Queries == a.Mask.Queries && a.Keys == a.Mask.Keys
	if whole && a.Queries >= fewQueries {
		p.pool.Run(a.Batch*a.Heads, p.runAttend)
	} else {
		p.pool.Run(a.Batch*a.Heads, p.runAttendRows)
	}
}

// attendGrad is kernel.Sequences' AttentionGrad.
func (p *products) attendGrad(a attention[float32]) {
	p.beginAttention(a)
	defer p.endAttention()
	p.pool.Run(a.Batch*a.Heads, p.runAttendGrad)
}

// attendRowsTask computes the queries of a head one by one, as decoding does.
func (p *products) attendRowsTask(task, worker int) {
	a, w := &p.attending, &p.workers[worker].attend
	b, h := task/a.Heads, task%a.Heads
	scores := aligned(&w.scores, a.Keys)[:a.Keys]
	keys, values := a.k[b*a.BatchK+h*a.Dim:], a.v[b*a.BatchV+h*a.Dim:]
	for i := range a.Queries {
		q := a.query(b, h, i)
		for j := 0; j < a.Keys; j += 4 {
			if j+4 <= a.Keys {
				p.passes.DotRows(q, keys[j*a.RowK:], a.RowK, (*[4]float32)(scores[j:]))
				continue
			}
			for ; j < a.Keys; j++ {
				scores[j] = float32(p.passes.Dot(q, a.key(b, h, j)))
			}
		}
		p.passes.Unary[kernel.Scale](float32(a.Scale), scores, scores)
		a.hideFrom(b, i, scores)
		y := a.y[b*a.BatchY+i*a.RowY+h*a.Dim:][:a.Dim]
		clear(y)
		largest, total := p.passes.Max(scores), 0.0
		if !math.IsInf(float64(largest), -1) {
			total = p.passes.ExpShift(largest, scores, scores)
			p.passes.Unary[kernel.Scale](float32(1/total), scores, scores)
			j := 0
			for ; j+4 <= a.Keys; j += 4 {
				p.passes.AddRows((*[4]float32)(scores[j:]), values[j*a.RowV:], a.RowV, y)
			}
			for ; j < a.Keys; j++ {
				p.passes.AddScaled(scores[j], a.value(b, h, j), y)
			}
		}
		if a.logSum != nil {
			a.logSum[(b*a.Heads+h)*a.Queries+i] = float32(float64(largest) + math.Log(total))
		}
	}
}

// hideFrom sets the scores of keys that query i of sequence b doesn't see to −∞.
func (a *attending) hideFrom(b, i int, scores []float32) {
	inf := float32(math.Inf(-1))
	if a.Mask != nil {
		words := a.rows[(a.First+i)*a.Mask.Words():]
		for j := 0; j < len(scores); j += 32 {
			hidden := ^uint32(words[j/32]) & (1<<min(32, len(scores)-j) - 1)
			for ; hidden != 0; hidden &= hidden - 1 {
				scores[j+bits.TrailingZeros32(hidden)] = inf
			}
		}
	}
	if a.keep != nil {
		for j, keep := range a.keep[b*a.Keys:][:len(scores)] {
			if keep == 0 {
				scores[j] = inf
			}
		}
	}
}

// position is the one at a place.
func (a *attending) position(place int) int {
	if a.order == nil {
		return place
	}
	return int(a.order[place])
}

// gather copies rows of n places from place on, scaled, to dst [n, width].
func (p *products) gather(dst, src []float32, stride, place, n int, scale float32) {
	a := &p.attending
	for i := range n {
		from, to := src[a.position(place+i)*stride:][:a.Dim], dst[i*a.width:][:a.Dim]
		if scale == 1 {
			copy(to, from)
		} else {
			p.passes.Unary[kernel.Scale](scale, from, to)
		}
	}
}

// scatter is gather the other way.
func (p *products) scatter(src, dst []float32, stride, place, n int, scale float32) {
	a := &p.attending
	for i := range n {
		p.passes.Unary[kernel.Scale](scale, src[i*a.width:][:a.Dim], dst[a.position(place+i)*stride:][:a.Dim])
	}
}

// across lays out the keys' rows (n of them, src by place) as the transposed panels that scores are multiplied with.
func (p *products) across(w *productWorker, dst, src []float32, n int) {
	a, lanes := &p.attending, p.width()
	for first := 0; first < n; first += lanes {
		panel := address(dst[first*a.Dim:])
		for column := 0; column < lanes; column += 8 {
			for i := range w.transposed {
				w.transposed[i] = address(src[min(first+column+i, n-1)*a.width:]) // repeated past the end
			}
			w.transposition = simd.Transposition{Rows: &w.transposed[0], Dst: panel + uintptr(4*column), DstStride: 4 * lanes, K: a.Dim}
			p.Transpose(&w.transposition)
		}
	}
}

// attendColumns lists the columns of block: runs of keys, and those stretches of them in which bits are to be looked at.
func (p *products) attendColumns(w *attendWorker, block int) (columns int) {
	a := &p.attending
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

// drop notes the bits of sequence b's keys that are to be left out.
func (a *attending) drop(w *attendWorker, b int) {
	w.dropped = w.dropped[:0]
	if a.keep == nil {
		return
	}
	w.dropped = append(w.dropped, make([]uint32, ceil(a.Keys, 32))...)
	for place := range a.Keys {
		if a.keep[b*a.Keys+a.position(place)] == 0 {
			w.dropped[place/32] |= 1 << (place % 32)
		}
	}
}

// hide sets the scores of pairs that must not be seen to −∞, in rows of stride numbers for n queries from place on.
func (a *attending) hide(w *attendWorker, scores []float32, stride, place, n int) {
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
				row := scores[i*stride+run.column+at:]
				for hidden &= present; hidden != 0; hidden &= hidden - 1 {
					row[bits.TrailingZeros32(hidden)] = inf
				}
			}
		}
	}
}

// score sets scores (rows of stride numbers) to the products of n rows of left [n, width] with the columns' transposed.
func (p *products) score(w *productWorker, scores []float32, stride int, left []float32, n int, across []float32) {
	a, t := &p.attending, &w.tile
	*t = simd.Tile{Taps: 1, K: a.Dim, BStride: 4 * p.width()}
	for _, part := range p.evenParts[n] {
		table := w.addresses(part.n)
		for i := range part.n {
			table[i] = address(left[(part.from+i)*a.width:])
			w.rows[i] = address(scores[(part.from+i)*stride:])
		}
		t.A, t.C = &w.table[0], &w.rows[0]
		for _, run := range w.attend.columns {
			for at := 0; at < run.n; at += p.width() { // runs begin with a panel: a tile is a whole number of them
				t.B, t.COffset = address(across[(run.key+at)*a.Dim:]), 4*(run.column+at)
				t.Columns = min(p.width(), run.n-at)
				p.Rows[1][part.n](t)
			}
		}
	}
}

// mix sets out [n, width] to the products of n rows of weights (stride numbers each) with the columns' rows of right.
func (p *products) mix(w *productWorker, out, weights []float32, stride, n int, right []float32) {
	a, t := &p.attending, &w.tile
	*t = simd.Tile{Taps: 1, BStride: 4 * a.width, Columns: p.width()}
	for _, part := range p.evenParts[n] {
		table := w.addresses(part.n)
		for i := range part.n {
			w.rows[i] = address(out[(part.from+i)*a.width:])
		}
		t.A, t.C, t.Accumulate = &w.table[0], &w.rows[0], 0
		for _, run := range w.attend.columns {
			for i := range part.n {
				table[i] = address(weights[(part.from+i)*stride+run.column:])
			}
			t.K = run.n
			for d := 0; d < a.width; d += p.width() {
				t.B, t.COffset = address(right[run.key*a.width+d:]), 4*d
				p.Rows[1][part.n](t)
			}
			t.Accumulate = 1
		}
	}
}

// spreadBack adds to the columns' rows of sums the products of n transposed rows of weights with rows of right.
func (p *products) spreadBack(w *productWorker, sums, weights []float32, stride, n int, right []float32) {
	a, t := &p.attending, &w.tile
	*t = simd.Tile{K: n, BStride: 4 * a.width, Columns: p.width(), Accumulate: 1}
	table := w.addresses(n)
	for i := range table {
		table[i] = address(weights[i*stride:])
	}
	t.A, t.C = &w.table[0], &w.rows[0]
	for _, run := range w.attend.columns {
		for at := 0; at < run.n; at += p.Height {
			height := min(p.Height, run.n-at)
			t.AOffset = 4 * (run.column + at)
			for i := range height {
				w.rows[i] = address(sums[(run.key+at+i)*a.width:])
			}
			for d := 0; d < a.width; d += p.width() {
				t.B, t.COffset = address(right[d:]), 4*d
				p.Columns[1][height](t)
			}
		}
	}
}

// stretch is a range of rows.
type stretch struct{ from, n int }

// evenParts lists, for each number of rows up to a tile of queries, how to cut them into tiles of nearly equal height.
func evenParts(height int) (all [kernel.AttentionTile + 1][]stretch) {
	for n := range all {
		tiles := ceil(n, height)
		for i := range tiles {
			from := split(n, i, tiles)
			all[n] = append(all[n], stretch{from, split(n, i+1, tiles) - from})
		}
	}
	return all
}

// attendTask computes a head.
func (p *products) attendTask(task, worker int) {
	a, w := &p.attending, p.workers[worker]
	b, h := task/a.Heads, task%a.Heads
	s := &w.attend
	a.drop(s, b)
	keys := aligned(&s.keys, a.Keys*a.width)
	p.gather(keys, a.k[b*a.BatchK+h*a.Dim:], a.RowK, 0, a.Keys, 1)
	across := aligned(&s.keysAcross, ceil(a.Keys, p.width())*p.width()*a.Dim)
	p.across(w, across, keys, a.Keys)
	values := aligned(&s.values, a.Keys*a.width)
	p.gather(values, a.v[b*a.BatchV+h*a.Dim:], a.RowV, 0, a.Keys, 1)
	const tile = kernel.AttentionTile
	queries, out := aligned(&s.queries, tile*a.width), aligned(&s.out, tile*a.width)
	scores := aligned(&s.scores, tile*a.Keys)
	for place := 0; place < a.Queries; place += tile {
		n := min(tile, a.Queries-place)
		columns := p.attendColumns(s, place/tile)
		p.gather(queries, a.q[b*a.BatchQ+h*a.Dim:], a.RowQ, place, n, float32(a.Scale))
		p.score(w, scores, a.Keys, queries, n, across)
		a.hide(s, scores, a.Keys, place, n)
		if columns == 0 {
			clear(out[:n*a.width])
		}
		var scale [tile]float32
		for i := range n {
			row := scores[i*a.Keys:][:columns]
			largest, total := p.passes.Max(row), 0.0
			if math.IsInf(float64(largest), -1) {
				clear(row)
			} else {
				total = p.passes.ExpShift(largest, row, row)
				scale[i] = float32(1 / total)
			}
			if a.logSum != nil {
				a.logSum[(b*a.Heads+h)*a.Queries+a.position(place+i)] = float32(float64(largest) + math.Log(total))
			}
		}
		p.mix(w, out, scores, a.Keys, n, values)
		for i := range n {
			p.scatter(out[i*a.width:], a.y[b*a.BatchY+h*a.Dim:], a.RowY, place+i, 1, scale[i])
		}
	}
}

// attendGradTask computes the gradients of a head; see attention.backward for the formula.
func (p *products) attendGradTask(task, worker int) {
	a, w := &p.attending, p.workers[worker]
	b, h := task/a.Heads, task%a.Heads
	s := &w.attend
	a.drop(s, b)
	panels := ceil(a.Keys, p.width()) * p.width() * a.Dim
	keys, keysAcross := aligned(&s.keys, a.Keys*a.width), aligned(&s.keysAcross, panels)
	p.gather(keys, a.k[b*a.BatchK+h*a.Dim:], a.RowK, 0, a.Keys, 1)
	p.across(w, keysAcross, keys, a.Keys)
	values, valuesAcross := aligned(&s.values, a.Keys*a.width), aligned(&s.valuesAcross, panels)
	p.gather(values, a.v[b*a.BatchV+h*a.Dim:], a.RowV, 0, a.Keys, 1)
	p.across(w, valuesAcross, values, a.Keys)
	gKeys, gValues := aligned(&s.gKeys, a.Keys*a.width), aligned(&s.gValues, a.Keys*a.width)
	clear(gKeys[:a.Keys*a.width])
	clear(gValues[:a.Keys*a.width])
	const tile = kernel.AttentionTile
	queries, gQueries := aligned(&s.queries, tile*a.width), aligned(&s.gQueries, tile*a.width)
	gOut := aligned(&s.gOut, tile*a.width)
	scores, gScores := aligned(&s.scores, tile*a.Keys), aligned(&s.gScores, tile*a.Keys)
	for place := 0; place < a.Queries; place += tile {
		n := min(tile, a.Queries-place)
		columns := p.attendColumns(s, place/tile)
		p.gather(queries, a.q[b*a.BatchQ+h*a.Dim:], a.RowQ, place, n, float32(a.Scale))
		p.gather(gOut, a.gy[b*a.BatchY+h*a.Dim:], a.RowY, place, n, 1)
		p.score(w, scores, a.Keys, queries, n, keysAcross)
		a.hide(s, scores, a.Keys, place, n)
		p.score(w, gScores, a.Keys, gOut, n, valuesAcross)
		for i := range n {
			position := a.position(place + i)
			row, g := scores[i*a.Keys:][:columns], gScores[i*a.Keys:][:columns]
			logSum := a.logSum[(b*a.Heads+h)*a.Queries+position]
			if math.IsInf(float64(logSum), -1) {
				clear(row)
				clear(g)
				continue
			}
			p.passes.ExpShift(logSum, row, row)
			delta := p.passes.Dot(gOut[i*a.width:][:a.Dim], a.y[b*a.BatchY+position*a.RowY+h*a.Dim:][:a.Dim])
			p.passes.SoftmaxGrad(float32(delta), row, g, g)
		}
		p.spreadBack(w, gValues, scores, a.Keys, n, gOut)
		p.spreadBack(w, gKeys, gScores, a.Keys, n, queries)
		if columns == 0 {
			clear(gQueries[:n*a.width])
		}
		p.mix(w, gQueries, gScores, a.Keys, n, keys)
		p.scatter(gQueries, a.gq[b*a.BatchQ+h*a.Dim:], a.RowQ, place, n, float32(a.Scale))
	}
	p.scatter(gKeys, a.gk[b*a.BatchK+h*a.Dim:], a.RowK, 0, a.Keys, 1)
	p.scatter(gValues, a.gv[b*a.BatchV+h*a.Dim:], a.RowV, 0, a.Keys, 1)
}
