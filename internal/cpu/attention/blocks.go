package attention

import (
	"github.com/bestiary-ml/bestiary/internal/cpu/gemm"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// ahead asks for the rows of n places from place on, for none if n is below 1. A head's rows are short and lie far apart, so the
// prefetcher of the processor doesn't find them.
func (p *Engine) ahead(x []float32, stride, place, n int) {
	a := &p.job
	for i := range n {
		p.Passes.Prefetch(x[a.position(place+i)*stride:][:a.Dim])
	}
}

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

// addresses returns the addresses of n rows that lie stride numbers apart.
func (w *worker) addresses(src []float32, n, stride int) []uintptr {
	for i := range n {
		w.left[i] = gemm.Address(src[i*stride:])
	}
	return w.left[:n]
}

// rows sets the table of a tile's rows of C to rows first to end, which lie stride numbers apart, and returns it.
func (w *worker) rows(c []float32, first, end, stride int) *uintptr {
	for i := range end - first {
		w.Rows[i] = gemm.Address(c[(first+i)*stride:])
	}
	return &w.Rows[0]
}
