package cpu

import "github.com/bestiary-ml/bestiary/internal/kernel"

// copyStrided copies all but the last dimension by index, and the last one in a run.
func copyStrided[T int32 | float64](pool *Pool, s kernel.Strided, dst, src []T) {
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
	if rows*inner <= grain { // without a closure, which would put s on the heap
		copyRows(&s, 0, rows, dst, src)
		return
	}
	copyParallel(pool, s, rows, max(1, grain/inner), dst, src)
}

func copyParallel[T int32 | float64](pool *Pool, s kernel.Strided, rows, chunk int, dst, src []T) {
	pool.For(rows, chunk, func(lo, hi int) { copyRows(&s, lo, hi, dst, src) })
}

// copyRows copies rows [lo, hi).
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
		if stepDst == 1 && stepSrc == 1 {
			copy(dst[to:to+inner], src[from:from+inner])
			continue
		}
		for i := range inner {
			dst[to+i*stepDst] = src[from+i*stepSrc]
		}
	}
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
