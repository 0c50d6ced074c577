package attention

import (
	"github.com/bestiary-ml/bestiary/internal/cpu/gemm"
	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// inFloat32 is the form of products in float32. Keys and values are rows [keys, width] for mix, and panels [D, W] for score. Sums are
// rows [keys, width].
type inFloat32 struct {
	*Engine
	evenParts [kernel.AttentionTile + 1][]rowRange
}

// rowRange is n rows from row from on.
type rowRange struct{ from, n int }

// evenParts cuts each number of rows up to a tile of queries into register tiles of nearly equal height.
func evenParts(height int) (all [kernel.AttentionTile + 1][]rowRange) {
	for n := range all {
		tiles := gemm.Ceil(n, height)
		for i := range tiles {
			from := gemm.Split(n, i, tiles)
			all[n] = append(all[n], rowRange{from, gemm.Split(n, i+1, tiles) - from})
		}
	}
	return all
}

// across implements form.
func (p *inFloat32) across(w *worker, room *[]float32, src []float32, stride int, scale float32) operand {
	a, lanes := &p.job, p.Width()
	size := gemm.Ceil(a.Keys, lanes) * lanes * a.Dim
	panels := gemm.Aligned(room, size)[:size]
	for first := 0; first < a.Keys; first += lanes {
		panel := gemm.Address(panels[first*a.Dim:])
		for column := 0; column < lanes; column += 8 {
			for i := range w.Transposed {
				place := min(first+column+i, a.Keys-1) // repeated past the end
				w.Transposed[i] = gemm.Address(src[a.position(place)*stride:])
			}
			w.Transposition = simd.Transposition{Rows: &w.Transposed[0], Dst: panel + uintptr(4*column), DstStride: 4 * lanes, K: a.Dim}
			p.Transpose(&w.Transposition)
		}
	}
	if scale != 1 { // panels are one long row, so this takes less time than to scale rows
		p.Passes.Unary[kernel.Scale](scale, panels, panels)
	}
	return operand{packed: panels}
}

// down implements form.
func (p *inFloat32) down(_ *worker, room *[]float32, src []float32, stride int) operand {
	a := &p.job
	rows := gemm.Aligned(room, a.Keys*a.width)
	p.gather(rows, src, stride, 0, a.Keys, 1)
	return operand{packed: rows}
}

// score implements form.
func (p *inFloat32) score(w *worker, scores []float32, left []uintptr, right operand) {
	a, t := &p.job, &w.Tile
	*t = simd.Tile{Taps: 1, K: a.Dim, BStride: 4 * p.Width()}
	for _, part := range p.evenParts[len(left)] {
		t.A, t.C = &left[part.from], w.rows(scores, part.from, part.from+part.n, a.row)
		for _, run := range w.columns {
			for at := 0; at < run.n; at += p.Width() { // a run begins with a panel: tiles of keys are whole panels
				t.B, t.COffset = gemm.Address(right.packed[(run.key+at)*a.Dim:]), 4*(run.column+at)
				t.Columns = min(p.Width(), run.n-at)
				p.Rows[1][part.n](t)
			}
		}
	}
}

// mix implements form.
func (p *inFloat32) mix(w *worker, out, weights []float32, n int, right operand) {
	a, t := &p.job, &w.Tile
	*t = simd.Tile{Taps: 1, BStride: 4 * a.width, Columns: p.Width()}
	for _, part := range p.evenParts[n] {
		table := w.Addresses(part.n)
		t.A, t.C, t.Accumulate = &table[0], w.rows(out, part.from, part.from+part.n, a.width), 0
		for _, run := range w.columns {
			for i := range part.n {
				table[i] = gemm.Address(weights[(part.from+i)*a.row+run.column:])
			}
			t.K = run.n
			for d := 0; d < a.width; d += p.Width() {
				t.B, t.COffset = gemm.Address(right.packed[run.key*a.width+d:]), 4*d
				p.Rows[1][part.n](t)
			}
			t.Accumulate = 1
		}
	}
}

// addBackward implements form.
func (p *inFloat32) addBackward(w *worker, sums, weights []float32, n int, right []float32) {
	a, t := &p.job, &w.Tile
	*t = simd.Tile{K: n, BStride: 4 * a.width, Columns: p.Width(), Accumulate: 1}
	t.A = &w.addresses(weights, n, a.row)[0]
	for _, run := range w.columns {
		for at := 0; at < run.n; at += p.Height {
			height := min(p.Height, run.n-at)
			first := run.key + at
			t.AOffset, t.C = 4*(run.column+at), w.rows(sums, first, first+height, a.width)
			for d := 0; d < a.width; d += p.Width() {
				t.B, t.COffset = gemm.Address(right[d:]), 4*d
				p.Columns[1][height](t)
			}
		}
	}
}

// collect implements form.
func (p *inFloat32) collect(_ *worker, sums []float32) []float32 { return sums }
