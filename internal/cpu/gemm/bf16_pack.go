package gemm

import "github.com/bestiary-ml/bestiary/internal/cpu/simd"

// NeedBlank makes sure that the row of zeros that completes an odd depth has n columns.
func (p *Engine) NeedBlank(n int) {
	if len(p.blank) < n {
		p.blank = make([]float32, n)
	}
}

// filled appends the addresses of zeros to a table, up to PairsOf its length. The table must have the capacity.
func (p *Engine) filled(table []uintptr) []uintptr {
	for n := 2 * p.BF16.PairsOf(len(table)); len(table) < n; {
		table = append(table, Address(p.blank))
	}
	return table
}

// pairedPanels is Panels in bfloat16: all panels are packed, their depth counts pairs, and low parts follow.
func (p *Engine) pairedPanels(w *Worker, b Matrix, taps []Tap, from, to, n0, n1 int) panels {
	q := panels{Engine: p, depth: len(taps) * p.BF16.PairsOf(to-from), n0: n0, n1: n1, paired: true}
	size := max(1, q.depth) * Ceil(n1-n0, p.Width()) * p.Width()
	q.packed, q.low = Aligned(&w.B, p.BF16.Parts()*size), 4*size
	p.pairPanels(w, &q, b, taps, from, to)
	return q
}

// pairPanels packs the columns of q: rows from to to of every tap of b.
func (p *Engine) pairPanels(w *Worker, q *panels, b Matrix, taps []Tap, from, to int) {
	if q.depth == 0 {
		return
	}
	depth := q.depth / len(taps)
	if !b.Transposed {
		table := w.Addresses(2 * q.depth)
		for i, tap := range taps {
			row := b.Base + uintptr(tap.Weight+from*b.Stride)
			rows := table[2*depth*i:][:to-from]
			for k := range rows {
				rows[k] = row + uintptr(k*b.Stride)
			}
			p.filled(rows)
		}
	}
	for n := q.n0; n < q.n1; n += p.Width() {
		columns, panel := min(p.Width(), q.n1-n), q.packed[(n-q.n0)*q.depth:]
		if b.Transposed {
			p.PackPaired(w, b, taps, from, to, n, columns, Address(panel), q.low)
			continue
		}
		w.pairing = simd.Pairing{
			Dst: Address(panel), Rows: &w.Table[0], Offset: 4 * n, Count: q.depth, Columns: columns, Low: q.low,
		}
		p.BF16.pair(Ceil(columns, p.Lanes), &w.pairing)
	}
}

// PackPaired packs the panel of columns from n on of a matrix that is stored transposed. Rounding its rows makes pairs, which are
// then transposed.
func (p *Engine) PackPaired(w *Worker, b Matrix, taps []Tap, from, to, n, columns int, panel uintptr, low int) {
	depth, across := p.BF16.PairsOf(to-from), Ceil(columns, p.Lanes)*p.Lanes
	for _, tap := range taps {
		for column := 0; column < across; column += 8 {
			for i := range w.Transposed { // rows beyond the last repeat it; their sums are never stored
				row := n + min(column+i, columns-1)
				w.Transposed[i] = b.Base + uintptr(tap.Weight+row*b.Stride+4*from)
			}
			rows := p.rounded(w, w.Transposed[:], to-from)
			for part := range p.BF16.Parts() {
				for i := range w.Transposed {
					w.Transposed[i] = rows.first + uintptr(part*rows.low+i*rows.stride)
				}
				w.Transposition = simd.Transposition{
					Rows: &w.Transposed[0], Dst: panel + uintptr(part*low+4*column), DstStride: 4 * across, K: depth,
				}
				p.Transpose(&w.Transposition)
			}
		}
		panel += uintptr(4 * depth * across)
	}
}

// PairPanel rounds a packed panel, of the given number of rows, to pairs at dst, which may be the panel itself unless numbers are split.
func (p *Engine) PairPanel(w *Worker, dst, panel uintptr, rows, low int) {
	table := w.Addresses(2 * p.BF16.PairsOf(rows))[:rows]
	for i := range table {
		table[i] = panel + uintptr(4*p.Width()*i)
	}
	p.PairRows(w, dst, table, 0, p.Width(), low)
}

// PairRows rounds up to Width columns of the rows in table, from an offset in bytes on, to a whole panel of pairs at dst. The table
// has the capacity for rows that fill a tile. Columns that are missing become zeros.
func (p *Engine) PairRows(w *Worker, dst uintptr, table []uintptr, offset, columns, low int) {
	table = p.filled(table)
	w.pairing = simd.Pairing{Dst: dst, Rows: &table[0], Offset: offset, Count: len(table) / 2, Columns: columns, Low: low}
	p.BF16.pair(2, &w.pairing)
}

// roundedRows are rows of pairs: the address of the first one, and the bytes from a row to the next and to its low parts.
type roundedRows struct {
	first       uintptr
	stride, low int
}

// rounded rounds rows of n numbers to pairs. Zeros fill up the last vector of each row.
func (p *Engine) rounded(w *Worker, rows []uintptr, n int) roundedRows {
	stride := Ceil(Pairs(n), p.Lanes) * p.Lanes
	size := (len(rows) + tileRows) * stride // the last AMX tile reads rows behind the last one
	r := roundedRows{Address(Aligned(&w.BF16, p.BF16.Parts()*size)), 4 * stride, 4 * size}
	w.rounding = simd.Rounding{Dst: r.first, Rows: &rows[0], Count: len(rows), Columns: n, Low: r.low}
	p.BF16.round(&w.rounding)
	return r
}

// RoundTile rounds the rows of A in table, n numbers each, and replaces their addresses by those of the rounded rows.
func (p *Engine) RoundTile(w *Worker, t *simd.Tile, table []uintptr, n int) {
	if len(table) == 0 {
		return
	}
	r := p.rounded(w, table, n)
	for i := range table {
		table[i] = r.first + uintptr(i*r.stride)
	}
	t.AStride, t.ALow = r.stride, r.low
}

// PairTiles gathers pairs of columns r0 to r1 (PairColumns at most) of the rows in table, which has the capacity for rows that fill
// a tile. Several tiles are gathered at once because they share cache lines, and pages if the rows are long.
func (p *Engine) PairTiles(w *Worker, t *simd.Tile, table []uintptr, r0, r1 int) {
	if len(table) == 0 {
		return
	}
	table = p.filled(table)
	depth := len(table) / 2
	if p.BF16.Tiles != nil {
		p.pairAcross(w, t, table, r0, r1)
		return
	}
	t.A, t.ALow = &w.gatherTable(p.BF16.Parts()*depth, PairColumns)[0], 4*depth*PairColumns
	w.pairing = simd.Pairing{
		Dst: Address(w.gathered), Rows: &table[0], Offset: 4 * r0, Count: depth, Columns: r1 - r0, Low: t.ALow,
	}
	p.BF16.pair(PairColumns/p.Lanes, &w.pairing)
}
