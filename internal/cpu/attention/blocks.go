package attention

import (
	"github.com/bestiary-ml/bestiary/internal/cpu/gemm"
	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// gather copies the rows of n places from place on, scaled, to dst [n, width].
func (p *Engine) gather(dst, src []float32, stride, place, n int, scale float32) {
	a := &p.job
	for i := range n {
		from, to := src[a.position(place+i)*stride:][:a.Dim], dst[i*a.width:][:a.Dim]
		if scale == 1 {
			copy(to, from)
		} else {
			p.Passes.Unary[kernel.Scale](scale, from, to)
		}
	}
}

// scatter copies rows of src [n, width], scaled, back to the rows of n places from place on.
func (p *Engine) scatter(src, dst []float32, stride, place, n int, scale float32) {
	a := &p.job
	for i := range n {
		p.Passes.Unary[kernel.Scale](scale, src[i*a.width:][:a.Dim], dst[a.position(place+i)*stride:][:a.Dim])
	}
}

// inPlace returns the addresses of the rows of n places from place on.
func (p *Engine) inPlace(w *worker, src []float32, stride, place, n int) []uintptr {
	for i := range n {
		w.left[i] = gemm.Address(src[p.job.position(place+i)*stride:])
	}
	return w.left[:n]
}

// gathered returns the addresses of n rows of src [n, width].
func (p *Engine) gathered(w *worker, src []float32, n int) []uintptr {
	for i := range n {
		w.left[i] = gemm.Address(src[i*p.job.width:])
	}
	return w.left[:n]
}

// across transposes the keys or values src into panels, the layout that score reads.
func (p *Engine) across(w *worker, dst, src []float32, stride int) {
	a, lanes := &p.job, p.Width()
	for first := 0; first < a.Keys; first += lanes {
		panel := gemm.Address(dst[first*a.Dim:])
		for column := 0; column < lanes; column += 8 {
			for i := range w.Transposed {
				place := min(first+column+i, a.Keys-1) // repeated past the end
				w.Transposed[i] = gemm.Address(src[a.position(place)*stride:])
			}
			w.Transposition = simd.Transposition{Rows: &w.Transposed[0], Dst: panel + uintptr(4*column), DstStride: 4 * lanes, K: a.Dim}
			p.Transpose(&w.Transposition)
		}
	}
}

// score sets scores (rows of stride numbers) to the rows of left times the transposed rows of the columns.
func (p *Engine) score(w *worker, scores []float32, stride int, left []uintptr, across []float32) {
	a, t := &p.job, &w.Tile
	*t = simd.Tile{Taps: 1, K: a.Dim, BStride: 4 * p.Width()}
	for _, part := range p.evenParts[len(left)] {
		copy(w.Addresses(part.n), left[part.from:])
		for i := range part.n {
			w.Rows[i] = gemm.Address(scores[(part.from+i)*stride:])
		}
		t.A, t.C = &w.Table[0], &w.Rows[0]
		for _, run := range w.columns {
			for at := 0; at < run.n; at += p.Width() { // a run begins with a panel: tiles of keys are whole panels
				t.B, t.COffset = gemm.Address(across[(run.key+at)*a.Dim:]), 4*(run.column+at)
				t.Columns = min(p.Width(), run.n-at)
				p.Rows[1][part.n](t)
			}
		}
	}
}

// mix sets out [n, width] to n rows of weights (stride numbers each) times the columns' rows of right.
func (p *Engine) mix(w *worker, out, weights []float32, stride, n int, right []float32) {
	a, t := &p.job, &w.Tile
	*t = simd.Tile{Taps: 1, BStride: 4 * a.width, Columns: p.Width()}
	for _, part := range p.evenParts[n] {
		table := w.Addresses(part.n)
		for i := range part.n {
			w.Rows[i] = gemm.Address(out[(part.from+i)*a.width:])
		}
		t.A, t.C, t.Accumulate = &w.Table[0], &w.Rows[0], 0
		for _, run := range w.columns {
			for i := range part.n {
				table[i] = gemm.Address(weights[(part.from+i)*stride+run.column:])
			}
			t.K = run.n
			for d := 0; d < a.width; d += p.Width() {
				t.B, t.COffset = gemm.Address(right[run.key*a.width+d:]), 4*d
				p.Rows[1][part.n](t)
			}
			t.Accumulate = 1
		}
	}
}

// addBackward adds to the columns' rows of sums the transpose of n rows of weights times rows of right.
func (p *Engine) addBackward(w *worker, sums, weights []float32, stride, n int, right []float32) {
	a, t := &p.job, &w.Tile
	*t = simd.Tile{K: n, BStride: 4 * a.width, Columns: p.Width(), Accumulate: 1}
	table := w.Addresses(n)
	for i := range table {
		table[i] = gemm.Address(weights[i*stride:])
	}
	t.A, t.C = &w.Table[0], &w.Rows[0]
	for _, run := range w.columns {
		for at := 0; at < run.n; at += p.Height {
			height := min(p.Height, run.n-at)
			t.AOffset = 4 * (run.column + at)
			for i := range height {
				w.Rows[i] = gemm.Address(sums[(run.key+at+i)*a.width:])
			}
			for d := 0; d < a.width; d += p.Width() {
				t.B, t.COffset = gemm.Address(right[d:]), 4*d
				p.Columns[1][height](t)
			}
		}
	}
}
