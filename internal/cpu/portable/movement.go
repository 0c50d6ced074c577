package portable

import (
	"github.com/bestiary-ml/bestiary/internal/cpu/pool"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// Copy implements kernel.Movement. It moves elements of any type of the buffers' size.
func (d *Device[F]) Copy(s kernel.Strided, dst, src kernel.Buffer) {
	s = s.Simplified()
	if dst.Size == 4 {
		copyStrided(d.pool, s, kernel.Slice[int32](dst), kernel.Slice[int32](src))
		return
	}
	copyStrided(d.pool, s, kernel.Slice[float64](dst), kernel.Slice[float64](src))
}

// copyStrided copies s.
func copyStrided[T int32 | float64](p *pool.Pool, s kernel.Strided, dst, src []T) {
	if s.Rank == 0 {
		dst[s.OffsetDst] = src[s.OffsetSrc]
		return
	}
	last := s.Rank - 1
	inner, rows := s.Shape[last], 1
	for _, n := range s.Shape[:last] {
		rows *= n
	}
	if inner == 0 {
		return
	}
	if rows*inner <= Grain { // without a closure, which would put s on the heap
		copyRows(&s, 0, rows, dst, src)
		return
	}
	if rows == 1 {
		copyPieces(p, s, inner, dst, src)
		return
	}
	copyParallel(p, s, rows, max(1, Grain/inner), dst, src)
}

// copyPieces is copyParallel for a single row.
func copyPieces[T int32 | float64](p *pool.Pool, s kernel.Strided, inner int, dst, src []T) {
	last := s.Rank - 1
	p.For(inner, Grain, func(lo, hi int) {
		piece := s
		piece.Shape[last] = hi - lo
		piece.OffsetDst += lo * s.StrideDst[last]
		piece.OffsetSrc += lo * s.StrideSrc[last]
		copyRows(&piece, 0, 1, dst, src)
	})
}

// copyParallel is apart from copyStrided because its closure makes s escape, which costs an allocation on entry.
func copyParallel[T int32 | float64](p *pool.Pool, s kernel.Strided, rows, chunk int, dst, src []T) {
	p.For(rows, chunk, func(lo, hi int) { copyRows(&s, lo, hi, dst, src) })
}

// copyRows copies rows [lo, hi) of all dimensions but the last, and each row in one run.
func copyRows[T int32 | float64](s *kernel.Strided, lo, hi int, dst, src []T) {
	last := s.Rank - 1
	inner, stepDst, stepSrc := s.Shape[last], s.StrideDst[last], s.StrideSrc[last]
	for row := lo; row < hi; row++ {
		to, from := s.OffsetDst, s.OffsetSrc
		for rest, dim := row, last-1; dim >= 0; dim-- {
			i := rest % s.Shape[dim]
			rest /= s.Shape[dim]
			to += i * s.StrideDst[dim]
			from += i * s.StrideSrc[dim]
		}
		switch {
		case stepDst == 1 && stepSrc == 1:
			copy(dst[to:to+inner], src[from:from+inner])
			continue
		case stepDst == 1 && stepSrc == 0: // a number that is expanded
			v, run := src[from], dst[to:to+inner]
			for i := range run {
				run[i] = v
			}
			continue
		}
		for i := range inner {
			dst[to+i*stepDst] = src[from+i*stepSrc]
		}
	}
}

// Gather implements kernel.Movement.
func (d *Device[F]) Gather(s kernel.Span, x, index, y kernel.Buffer) {
	in, at, out := Floats[F](x), Ints(index), Floats[F](y)
	d.pool.For(s.Outer, max(1, Grain/max(1, len(at)*s.Inner)), func(lo, hi int) {
		for o := lo; o < hi; o++ {
			gather(s.Inner, in[o*s.N*s.Inner:][:s.N*s.Inner], at, out[o*len(at)*s.Inner:])
		}
	})
}

// gather copies the entries of x [N, inner] that index names to y.
func gather[F Float](inner int, x []F, index []int32, y []F) {
	if inner == 1 {
		for j, from := range index {
			if from < 0 {
				y[j] = 0
			} else {
				y[j] = x[from]
			}
		}
		return
	}
	for j, from := range index {
		row := y[j*inner:][:inner]
		if from < 0 {
			clear(row)
		} else {
			copy(row, x[int(from)*inner:][:inner])
		}
	}
}

// ScatterAdd implements kernel.Movement.
func (d *Device[F]) ScatterAdd(s kernel.Span, x, index, y kernel.Buffer) {
	in, at, out := Floats[F](x), Ints(index), Floats[F](y)
	d.pool.For(s.Outer, max(1, Grain/max(1, s.N*s.Inner)), func(lo, hi int) {
		for o := lo; o < hi; o++ {
			scatterAdd(s.Inner, in[o*len(at)*s.Inner:], at, out[o*s.N*s.Inner:][:s.N*s.Inner])
		}
	})
}

// scatterAdd adds the entries of x to those of y [N, inner] that index names.
func scatterAdd[F Float](inner int, x []F, index []int32, y []F) {
	clear(y)
	for j, to := range index {
		if to < 0 {
			continue
		}
		row := y[int(to)*inner:][:inner]
		for i, v := range x[j*inner:][:inner] {
			row[i] += v
		}
	}
}

// SparseProduct implements kernel.Movement.
func (d *Device[F]) SparseProduct(s kernel.Sparse, begins, index, weights, x, y kernel.Buffer) {
	from, at, of, in, out := Ints(begins), Ints(index), Floats[F](weights), Floats[F](x), Floats[F](y)
	if s.Rows == 0 {
		return
	}
	d.pool.For(s.Rows, max(1, Grain*s.Rows/max(1, len(at)*s.Width)), func(lo, hi int) {
		for r := lo; r < hi; r++ {
			row := out[r*s.Width:][:s.Width]
			clear(row)
			for k := from[r]; k < from[r+1]; k++ {
				for i, v := range in[int(at[k])*s.Width:][:s.Width] {
					row[i] += F(of[k] * v)
				}
			}
		}
	})
}
