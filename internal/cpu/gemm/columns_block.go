package gemm

import "github.com/bestiary-ml/bestiary/internal/cpu/simd"

// columnsBlock is columnsDepth for a block of rows k0 to k1, with B in panels; first and last say that it is the first and the last
// block.
func (p *Engine) columnsBlock(w *Worker, j *ColumnsJob, b panels, k0, k1 int, first, last bool, tile0, tile1 int) {
	n0, n1 := b.n0, b.n1
	t, tallest := &w.Tile, p.Tallest(j.paired)
	if t.K = k1 - k0; j.paired {
		t.K = p.BF16.PairsOf(t.K)
	}
	j.prepare(t, first, last)
	tilesPerTap := Ceil(j.M, tallest)
	table := w.Addresses(max(k1-k0, 2*t.K))[:k1-k0] // with room for zeros that fill up pairs
	t.A, t.C = &w.Table[0], &w.Rows[0]
	gather := !j.paired && n1-n0 >= gatherPanels*p.Width() && t.K > 0
	read := table // rows that the microkernels read
	if gather {
		read = w.gatherTable(t.K, p.Lanes)
		t.A = &read[0]
	}
	filled, pairedTo, pairedFrom := -1, tile0, 0 // columns from pairedFrom on are paired for tiles before pairedTo
	for tile := tile0; tile < tile1; tile++ {
		tap, i := tile/tilesPerTap, tile%tilesPerTap
		if tap != filled {
			j.A.addresses(table, j.A.point(k0), j.Taps[tap])
			filled = tap
		}
		r0, r1 := p.Edge(j.M, i, tilesPerTap, j.paired), p.Edge(j.M, i+1, tilesPerTap, j.paired)
		for r := r0; r < r1; r++ {
			w.Rows[r-r0] = j.row(tap, r)
		}
		t.AOffset = 4 * r0
		if gather {
			w.gathering = simd.Gathering{
				Dst: Address(w.gathered), Rows: &table[0], Offset: 4 * r0, Count: t.K, Columns: r1 - r0,
			}
			p.Gather(&w.gathering)
			t.AOffset = 0
		}
		if j.paired {
			if tile == pairedTo {
				pairedTo, pairedFrom = min(tile+PairColumns/tallest, (tap+1)*tilesPerTap, tile1), r0
				p.PairTiles(w, t, table, r0, p.Edge(j.M, pairedTo-tap*tilesPerTap, tilesPerTap, true))
			}
			t.AOffset = 4 * (r0 - pairedFrom)
		}
		for n := n0; n < n1; n += t.Panels * p.Width() {
			vectors := b.place(t, n)
			t.Bias = 0
			if last && j.Bias != 0 {
				t.Bias = j.Bias + uintptr(4*n)
			}
			switch {
			case j.paired:
				p.BF16.MultiplyColumns(w, t, vectors, r1-r0)
			case j.A.images > 0:
				p.columnsRuns(t, j, j.Taps[tap], read, k0, k1, vectors, r1-r0)
			default:
				p.Columns[vectors-1][r1-r0](t)
			}
		}
		if last {
			p.finish(&j.Epilogue, w.Rows[:r1-r0], n0, n1)
		}
	}
}

// columnsRuns computes a tile of columnsBlock without the rows at which the tap is outside the image. read has the rows from
// k0 on.
func (p *Engine) columnsRuns(t *simd.Tile, j *ColumnsJob, at Tap, read []uintptr, k0, k1, vectors, height int) {
	panel := t.B
	for k := k0; k < k1; {
		from, to, begins := j.nextRun(at, k, k1)
		if k = to; from == to {
			break
		}
		j.prepare(t, begins, false)
		t.A, t.B, t.K = &read[from-k0], panel+uintptr((from-k0)*t.BStride), to-from
		p.Columns[vectors-1][height](t)
	}
	t.K = k1 - k0
}

// sumGrain is the number of elements of a task of sumTask.
const sumGrain = 4096

// sumTask adds up the parts of some elements, in order.
func (p *Engine) sumTask(task, _ int) {
	j := &p.columns
	size := len(j.Taps) * j.M * j.N
	end := min(size, (task+1)*sumGrain)
	for i := task * sumGrain; i < end; {
		row, column := i/j.N, i%j.N
		n := min(j.N-column, end-i)
		offset := int(j.C-Address(p.Operands[Result])) + j.Taps[row/j.M].Weight + row%j.M*j.CStride + 4*column
		dst := p.Operands[Result][offset/4:][:n]
		copy(dst, p.partial[i:])
		for part := 1; part < j.parts; part++ {
			for k, v := range p.partial[part*size+i:][:n] {
				dst[k] += v
			}
		}
		i += n
	}
}
