package cpu

import "github.com/bestiary-ml/bestiary/internal/cpu/simd"

// At precision medium, the operands of products are rounded to bfloat16, in pairs of numbers that follow each other along
// the depth, which the tile kernels of simd.BF16 take for one. So a job stays what it is, but B's panels hold pairs, and
// the rows of A that a tile reads are rounded before it runs: that reads A no more often than the tiles do, needs no copy
// of all of it, and lets an odd depth end with a zero wherever it ends.

const (
	// pairedRows, pairedColumns and pairedDepth are the least numbers of rows, columns and terms of a product's sums from
	// which rounding its operands costs less than it saves: each number of A is used for all columns, each of B for all rows.
	pairedRows, pairedColumns, pairedDepth = 32, 32, 16
	// pairColumns is the number of columns of A that are paired at a time where the depth runs down them: some tiles.
	pairColumns = 48
)

// pairs is the number of pairs that depth numbers make.
func pairs(depth int) int { return (depth + 1) / 2 }

// paired reports whether a product of m×n sums of depth terms is to be computed in bfloat16.
func (p *products) paired(m, n, depth int) bool {
	return p.bf16 != nil && m >= pairedRows && n >= pairedColumns && depth >= pairedDepth
}

// needBlank makes sure that the row that ends an odd depth has n columns.
func (p *products) needBlank(n int) {
	if len(p.blank) < n {
		p.blank = make([]float32, n)
	}
}

// pairedPanels is panels for a job in bfloat16: all of them are packed, and their depth counts pairs.
func (p *products) pairedPanels(w *productWorker, b matrix, taps []tap, from, to, n0, n1 int) panels {
	q := panels{products: p, depth: len(taps) * pairs(to-from), n0: n0, n1: n1}
	q.packed = aligned(&w.b, max(1, q.depth)*ceil(n1-n0, p.width())*p.width())
	if q.depth == 0 {
		return q
	}
	if !b.transposed {
		table := w.addresses(2 * q.depth)
		for _, tap := range taps {
			row := b.base + uintptr(tap.weight+from*b.stride)
			for i := range to - from {
				table[i] = row + uintptr(i*b.stride)
			}
			if rows := to - from; rows%2 != 0 {
				table[rows] = address(p.blank)
			}
			table = table[2*pairs(to-from):]
		}
	}
	for n := n0; n < n1; n += p.width() {
		columns, panel := min(p.width(), n1-n), q.packed[(n-n0)*q.depth:]
		if b.transposed {
			p.packPaired(w, b, taps, from, to, n, columns, panel)
			continue
		}
		w.pairing = simd.Pairing{Dst: address(panel), Rows: &w.table[0], Offset: 4 * n, Count: q.depth, Columns: columns}
		p.bf16.Pair[ceil(columns, p.Lanes)-1](&w.pairing)
	}
	return q
}

// packPaired is pairedPanels' panel of the columns from n on of a matrix that is stored transposed. Its rows are rounded,
// which makes pairs, and then these are transposed.
func (p *products) packPaired(w *productWorker, b matrix, taps []tap, from, to, n, columns int, panel []float32) {
	depth, across := pairs(to-from), ceil(columns, p.Lanes)*p.Lanes
	stride := ceil(depth, p.Lanes) * p.Lanes // of a rounded row
	for _, tap := range taps {
		for column := 0; column < across; column += 8 {
			for i := range w.transposed { // the last row stands in for those that are missing, which nobody stores
				row := n + min(column+i, columns-1)
				w.transposed[i] = b.base + uintptr(tap.weight+row*b.stride+4*from)
			}
			rounded := address(p.rounded(w, w.transposed[:], to-from))
			for i := range w.transposed {
				w.transposed[i] = rounded + uintptr(4*i*stride)
			}
			w.transposition = simd.Transposition{
				Rows: &w.transposed[0], Dst: address(panel[column:]), DstStride: 4 * across, K: depth,
			}
			p.Transpose(&w.transposition)
		}
		panel = panel[depth*across:]
	}
}

// rounded returns rows of n numbers, rounded: each is a whole number of vectors of pairs.
func (p *products) rounded(w *productWorker, rows []uintptr, n int) []float32 {
	stride := ceil(pairs(n), p.Lanes) * p.Lanes
	buffer := aligned(&w.halves, len(rows)*stride)
	w.rounding = simd.Rounding{Dst: address(buffer), Rows: &rows[0], Count: len(rows), Columns: n}
	p.bf16.Round(&w.rounding)
	return buffer[:len(rows)*stride]
}

// roundTile rounds the rows of A that table has, n numbers each, and puts the addresses of the rounded ones in it.
func (p *products) roundTile(w *productWorker, table []uintptr, n int) {
	if len(table) == 0 {
		return
	}
	stride := uintptr(4 * ceil(pairs(n), p.Lanes) * p.Lanes)
	at := address(p.rounded(w, table, n))
	for i := range table {
		table[i] = at
		at += stride
	}
}

// pairTiles gathers pairs of columns r0 to r1, pairColumns at most, of the rows that table has; there is room for one more
// address in it. Tiles share cache lines of these rows, and pages if the rows are long, so some take their columns at once.
func (p *products) pairTiles(w *productWorker, table []uintptr, r0, r1 int) {
	if len(table) == 0 {
		return
	}
	depth := pairs(len(table))
	if len(table)%2 != 0 {
		table = append(table, address(p.blank))
	}
	w.pairing = simd.Pairing{Dst: address(w.gathered), Rows: &table[0], Offset: 4 * r0, Count: depth, Columns: r1 - r0}
	p.bf16.Pair[pairColumns/p.Lanes-1](&w.pairing)
}
