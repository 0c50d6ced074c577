package attention

import (
	"github.com/bestiary-ml/bestiary/internal/cpu/gemm"
	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
)

// inBFloat16 is the form of products in bfloat16, whose operands are pairs along the depth, see gemm.BF16Kernels. Keys and values are
// panels of pairs, of features for score and of keys for mix. Rows of queries and weights are rounded for each product.
//
// Sums are transposed, [D, row]: they add rightᵀ·weights. So the weights of a block are its panels, one after the other for the keys of a
// run, and one call of a microkernel, with one configuration of tiles, multiplies 32 features by all of them.
type inBFloat16 struct{ *Engine }

// panelsOf returns room for n panels of a depth in pairs.
func (p *inBFloat16) panelsOf(room *[]float32, n, depth int) operand {
	size := n * depth * p.Width()
	return operand{packed: gemm.Aligned(room, p.BF16.Parts()*size), low: 4 * size}
}

// panel returns the address of panel i of a depth in pairs.
func (p *inBFloat16) panel(o operand, i, depth int) uintptr {
	return gemm.Address(o.packed[i*depth*p.Width():])
}

// across implements form.
func (p *inBFloat16) across(w *worker, room *[]float32, src []float32, stride int, scale float32) operand {
	a, depth := &p.job, p.BF16.PairsOf(p.job.Dim)
	right := p.panelsOf(room, gemm.Ceil(a.Keys, p.Width()), depth)
	rows := gemm.Aligned(&w.scaled, p.Width()*a.width)
	scaled := gemm.Matrix{Base: gemm.Address(rows), Stride: 4 * a.width, Transposed: true}
	for first := 0; first < a.Keys; first += p.Width() {
		p.gather(rows, src, stride, first, min(p.Width(), a.Keys-first), scale) // rows beyond the last key are packed, but not used
		p.PackPaired(w.Worker, scaled, gemm.WholeDepth, 0, a.Dim, 0, p.Width(), p.panel(right, first/p.Width(), depth), right.low)
	}
	return right
}

// down implements form.
func (p *inBFloat16) down(w *worker, room *[]float32, src []float32, stride int) operand {
	a, depth := &p.job, p.BF16.PairsOf(p.job.Keys)
	right := p.panelsOf(room, a.width/p.Width(), depth)
	table := w.Addresses(2 * depth)[:a.Keys]
	for place := range table {
		table[place] = gemm.Address(src[a.position(place)*stride:])
	}
	for d := 0; d < a.Dim; d += p.Width() {
		p.PairRows(w.Worker, p.panel(right, d/p.Width(), depth), table, 4*d, min(p.Width(), a.Dim-d), right.low)
	}
	return right
}

// blocks is the number of blocks of n rows.
func (p *inBFloat16) blocks(n int) int { return gemm.Ceil(n, p.Tallest(true)) }

// score implements form.
func (p *inBFloat16) score(w *worker, scores []float32, left []uintptr, right operand) {
	a, t, depth, n := &p.job, &w.Tile, p.BF16.PairsOf(p.job.Dim), len(left)
	*t = p.tile(depth, right)
	p.RoundTile(w.Worker, t, left, a.Dim)
	for i := range p.blocks(n) {
		first, end := p.Edge(n, i, p.blocks(n), true), p.Edge(n, i+1, p.blocks(n), true)
		t.A, t.C = &left[first], w.rows(scores, first, end, a.row)
		for _, run := range w.columns {
			t.B, t.COffset, t.Panels = p.panel(right, run.key/p.Width(), depth), 4*run.column, gemm.Ceil(run.n, p.Width())
			p.BF16.MultiplyRows(w.Worker, t, 2, end-first)
		}
	}
}

// mix implements form.
func (p *inBFloat16) mix(w *worker, out, weights []float32, n int, right operand) {
	if len(w.columns) == 0 {
		return
	}
	a, t, depth, last := &p.job, &w.Tile, p.BF16.PairsOf(p.job.Keys), w.columns[len(w.columns)-1]
	*t = p.tile(depth, right)
	t.Panels = a.width / p.Width()
	table := w.addresses(weights, n, a.row)
	p.RoundTile(w.Worker, t, table, last.column+last.n)
	for i := range p.blocks(n) {
		first, end := p.Edge(n, i, p.blocks(n), true), p.Edge(n, i+1, p.blocks(n), true)
		t.A, t.C, t.Accumulate = &table[first], w.rows(out, first, end, a.width), 0
		at := 0 // the table has the addresses of the weights of this column; a run begins with a tile of keys, and so with a pair
		for _, run := range w.columns {
			for row := first; row < end; row++ {
				table[row] += uintptr(4 * gemm.Pairs(run.column-at))
			}
			at = run.column
			t.K, t.B = p.BF16.PairsOf(run.n), gemm.Address(right.packed[gemm.Pairs(run.key)*p.Width():])
			p.BF16.MultiplyRows(w.Worker, t, 2, end-first)
			t.Accumulate = 1
		}
	}
}

// addBackward implements form.
func (p *inBFloat16) addBackward(w *worker, sums, weights []float32, n int, right []float32) {
	if len(w.columns) == 0 {
		return
	}
	a, t, depth, last := &p.job, &w.Tile, p.BF16.PairsOf(n), w.columns[len(w.columns)-1]
	columns := last.column + last.n
	panels := p.panelsOf(&w.panels, gemm.Ceil(columns, p.Width()), depth)
	table := w.Addresses(2 * depth)[:n]
	copy(table, w.addresses(weights, n, a.row))
	for column := 0; column < columns; column += p.Width() {
		p.PairRows(w.Worker, p.panel(panels, column/p.Width(), depth), table, 4*column, min(p.Width(), columns-column), panels.low)
	}
	*t = p.tile(depth, panels)
	t.Accumulate = 1
	copy(table, w.addresses(right, n, a.width))
	blocks, group, groupFirst := p.blocks(a.Dim), gemm.PairColumns/p.Tallest(true), 0
	for i := range blocks {
		first, end := p.Edge(a.Dim, i, blocks, true), p.Edge(a.Dim, i+1, blocks, true)
		if i%group == 0 {
			p.PairTiles(w.Worker, t, table, first, p.Edge(a.Dim, min(blocks, i+group), blocks, true))
			groupFirst = first
		}
		t.AOffset, t.C = 4*(first-groupFirst), w.rows(sums, first, end, a.row)
		for _, run := range w.columns {
			t.B, t.COffset, t.Panels = p.panel(panels, run.column/p.Width(), depth), 4*run.key, gemm.Ceil(run.n, p.Width())
			p.BF16.MultiplyColumns(w.Worker, t, 2, end-first)
		}
	}
}

// tile returns a tile that reads panels of a depth in pairs.
func (p *inBFloat16) tile(depth int, right operand) simd.Tile {
	row := 4 * p.Width()
	return simd.Tile{Taps: 1, K: depth, BStride: row, BPanel: row * depth, BLow: right.low, Columns: p.Width()}
}

// collect implements form.
func (p *inBFloat16) collect(w *worker, sums []float32) []float32 {
	a := &p.job
	rows := gemm.Aligned(&w.collected, a.Keys*a.width)
	for d := 0; d < a.Dim; d += len(w.Transposed) {
		for i := range w.Transposed { // rows beyond the last repeat it; nobody reads these features
			w.Transposed[i] = gemm.Address(sums[min(d+i, a.Dim-1)*a.row:])
		}
		w.Transposition = simd.Transposition{Rows: &w.Transposed[0], Dst: gemm.Address(rows[d:]), DstStride: 4 * a.width, K: a.Keys}
		p.Transpose(&w.Transposition)
	}
	return rows
}
