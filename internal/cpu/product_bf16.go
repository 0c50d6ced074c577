package cpu

import "github.com/bestiary-ml/bestiary/internal/cpu/simd"

// In bfloat16, the operands of products are rounded in pairs of numbers that follow each other along the depth, which the
// kernels take for one. So a job stays what it is, but B's panels hold pairs, and the rows of A that a block reads are
// rounded before it runs: that reads A no more often than the blocks do, needs no copy of all of it, and lets an odd depth
// end with a zero wherever it ends.

// halves are the kernels of products in bfloat16.
type halves struct {
	*simd.BF16
	tiles *simd.AMX // nil: what multiplies are vectors
	split bool      // operands are split in two bfloat16 numbers, of which there are three products
}

// halvesFor returns the kernels of an arithmetic that the processor has; nil if it isn't one in bfloat16.
func halvesFor(level simd.Level, a Arithmetic) *halves {
	h := &halves{BF16: simd.BF16For(level)}
	switch a {
	case BFloat16:
	case splitBFloat16:
		h.split = true
	case BFloat16Tiles:
		h.tiles = simd.AMXKernels()
	case SplitBFloat16Tiles:
		h.tiles, h.split = simd.AMXKernels(), true
	default:
		return nil
	}
	return h
}

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

// pairsOf is the number of pairs that the kernels see of so many numbers: some of them may be zeros that fill up a tile.
func (h *halves) pairsOf(depth int) int {
	if h.tiles != nil {
		return ceil(pairs(depth), tileRows) * tileRows
	}
	return pairs(depth)
}

// parts is the number of bfloat16 numbers that there are of each number.
func (h *halves) parts() int {
	if h.split {
		return 2
	}
	return 1
}

func (h *halves) pair(vectors int, t *simd.Pairing) {
	if h.split {
		h.PairSplit[vectors-1](t)
	} else {
		h.Pair[vectors-1](t)
	}
}

func (h *halves) round(t *simd.Rounding) {
	if h.split {
		h.RoundSplit(t)
	} else {
		h.Round(t)
	}
}

// needBlank makes sure that the row that ends an odd depth has n columns.
func (p *products) needBlank(n int) {
	if len(p.blank) < n {
		p.blank = make([]float32, n)
	}
}

// filled appends rows of zeros to a table, to the number of pairs that the kernels see. Its capacity must do.
func (p *products) filled(table []uintptr) []uintptr {
	for n := 2 * p.bf16.pairsOf(len(table)); len(table) < n; {
		table = append(table, address(p.blank))
	}
	return table
}

// pairedPanels is panels for a job in bfloat16: all of them are packed, and their depth counts pairs. Low parts follow.
func (p *products) pairedPanels(w *productWorker, b matrix, taps []tap, from, to, n0, n1 int) panels {
	depth := p.bf16.pairsOf(to - from) // of a tap
	q := panels{products: p, depth: len(taps) * depth, n0: n0, n1: n1}
	size := max(1, q.depth) * ceil(n1-n0, p.width()) * p.width()
	q.packed, q.low = aligned(&w.b, p.bf16.parts()*size), 4*size
	if q.depth == 0 {
		return q
	}
	if !b.transposed {
		table := w.addresses(2 * q.depth)
		for i, tap := range taps {
			row := b.base + uintptr(tap.weight+from*b.stride)
			rows := table[2*depth*i:][:to-from]
			for k := range rows {
				rows[k] = row + uintptr(k*b.stride)
			}
			p.filled(rows)
		}
	}
	for n := n0; n < n1; n += p.width() {
		columns, panel := min(p.width(), n1-n), q.packed[(n-n0)*q.depth:]
		if b.transposed {
			p.packPaired(w, b, taps, from, to, n, columns, address(panel), q.low)
			continue
		}
		w.pairing = simd.Pairing{
			Dst: address(panel), Rows: &w.table[0], Offset: 4 * n, Count: q.depth, Columns: columns, Low: q.low,
		}
		p.bf16.pair(ceil(columns, p.Lanes), &w.pairing)
	}
	return q
}

// packPaired is pairedPanels' panel of the columns from n on of a matrix that is stored transposed. Its rows are rounded,
// which makes pairs, and then these are transposed.
func (p *products) packPaired(w *productWorker, b matrix, taps []tap, from, to, n, columns int, panel uintptr, low int) {
	depth, across := p.bf16.pairsOf(to-from), ceil(columns, p.Lanes)*p.Lanes
	for _, tap := range taps {
		for column := 0; column < across; column += 8 {
			for i := range w.transposed { // the last row stands in for those that are missing, which nobody stores
				row := n + min(column+i, columns-1)
				w.transposed[i] = b.base + uintptr(tap.weight+row*b.stride+4*from)
			}
			rows := p.rounded(w, w.transposed[:], to-from)
			for part := range p.bf16.parts() {
				for i := range w.transposed {
					w.transposed[i] = rows.first + uintptr(part*rows.low+i*rows.stride)
				}
				w.transposition = simd.Transposition{
					Rows: &w.transposed[0], Dst: panel + uintptr(part*low+4*column), DstStride: 4 * across, K: depth,
				}
				p.Transpose(&w.transposition)
			}
		}
		panel += uintptr(4 * depth * across)
	}
}

// roundedRows are rows of pairs: where the first one begins, the distance between them and that to their low parts, in bytes.
type roundedRows struct {
	first       uintptr
	stride, low int
}

// rounded returns rows of n numbers, rounded: each is a whole number of vectors of pairs, the last filled up with zeros.
func (p *products) rounded(w *productWorker, rows []uintptr, n int) roundedRows {
	stride := ceil(pairs(n), p.Lanes) * p.Lanes
	size := (len(rows) + tileRows) * stride // the last tile reads rows that don't exist
	r := roundedRows{address(aligned(&w.halves, p.bf16.parts()*size)), 4 * stride, 4 * size}
	w.rounding = simd.Rounding{Dst: r.first, Rows: &rows[0], Count: len(rows), Columns: n, Low: r.low}
	p.bf16.round(&w.rounding)
	return r
}

// roundTile rounds the rows of A that table has, n numbers each, and puts the addresses of the rounded ones in it.
func (p *products) roundTile(w *productWorker, t *simd.Tile, table []uintptr, n int) {
	if len(table) == 0 {
		return
	}
	r := p.rounded(w, table, n)
	for i := range table {
		table[i] = r.first + uintptr(i*r.stride)
	}
	t.AStride, t.ALow = r.stride, r.low
}

// pairTiles gathers pairs of columns r0 to r1, pairColumns at most, of the rows that table has, which has room for those
// that fill a tile. Tiles share cache lines of these rows, and pages if the rows are long, so some take their columns at once.
func (p *products) pairTiles(w *productWorker, t *simd.Tile, table []uintptr, r0, r1 int) {
	if len(table) == 0 {
		return
	}
	table = p.filled(table)
	depth := len(table) / 2
	if p.bf16.tiles != nil {
		p.pairAcross(w, t, table, r0, r1)
		return
	}
	t.A, t.ALow = &w.gatherTable(p.bf16.parts()*depth, pairColumns)[0], 4*depth*pairColumns
	w.pairing = simd.Pairing{
		Dst: address(w.gathered), Rows: &table[0], Offset: 4 * r0, Count: depth, Columns: r1 - r0, Low: t.ALow,
	}
	p.bf16.pair(pairColumns/p.Lanes, &w.pairing)
}

// multiplyRows computes a block of so many rows, of which the depth runs along A's rows, and so many vectors across.
func (h *halves) multiplyRows(w *productWorker, t *simd.Tile, vectors, height int) {
	switch {
	case h.tiles != nil:
		h.multiplyTiles(w, t, vectors, height)
	case h.split:
		h.threeProducts(t, h.Rows[vectors-1][height], height)
	default:
		h.Rows[vectors-1][height](t)
	}
}

// multiplyColumns is multiplyRows for a block that pairTiles has gathered the columns of A for.
func (h *halves) multiplyColumns(w *productWorker, t *simd.Tile, vectors, height int) {
	switch {
	case h.tiles != nil:
		h.multiplyTiles(w, t, vectors, height)
	case h.split:
		h.threeProducts(t, h.Columns[vectors-1][height], 0)
	default:
		h.Columns[vectors-1][height](t)
	}
}
