package portable

import (
	"math"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// Reduce implements kernel.Reductions.
func (d *Device[F]) Reduce(op kernel.Reduce, s kernel.Span, scale float64, x, y kernel.Buffer) {
	if y.Len == 0 {
		return
	}
	in, out := Floats[F](x), Floats[F](y)
	if op == kernel.Sum && s.Outer*s.Inner == 1 {
		out[0] = F(scale * d.sumChunks(s.N, func(lo, hi int) float64 { return sum(in[lo:hi]) }))
		return
	}
	d.pool.For(s.Outer, max(1, Grain/max(1, s.N*s.Inner)), func(lo, hi int) {
		for o := lo; o < hi; o++ {
			reduceSpan(op, s, F(scale), in[o*s.N*s.Inner:][:s.N*s.Inner], out[o*s.Inner:][:s.Inner])
		}
	})
}

// reduceSpan reduces x [N, Inner] to y [Inner].
func reduceSpan[F Float](op kernel.Reduce, s kernel.Span, scale F, x, y []F) {
	if op == kernel.Sum && s.Inner == 1 {
		y[0] = scale * F(sum(x))
		return
	}
	for i := range y {
		if op == kernel.Max {
			y[i] = F(math.Inf(-1))
		} else {
			y[i] = 0
		}
	}
	for n := range s.N {
		row := x[n*s.Inner:][:s.Inner]
		for i, v := range row {
			if op == kernel.Max {
				y[i] = max(y[i], v)
			} else {
				y[i] += v
			}
		}
	}
	for i := range y {
		y[i] *= scale
	}
}

func sum[F Float](x []F) float64 {
	total := 0.0
	for _, v := range x {
		total += float64(v)
	}
	return total
}

// sumChunks adds f over fixed chunks of [0, n), in order, in float64.
func (d *Device[F]) sumChunks(n int, f func(lo, hi int) float64) float64 {
	chunks := (n + Grain - 1) / Grain
	if chunks > len(d.partial) {
		d.partial = make([]float64, chunks)
	}
	partial := d.partial[:chunks]
	d.pool.For(n, Grain, func(lo, hi int) { partial[lo/Grain] = f(lo, hi) })
	sum := 0.0
	for _, v := range partial {
		sum += v
	}
	return sum
}

// ActivationBiasGrad implements kernel.Reductions.
func (d *Device[F]) ActivationBiasGrad(act kernel.Activation, slope float64, rows, n int, y, gy, gx, gbias kernel.Buffer) {
	if act != kernel.ActNone || gx != gy {
		d.ActivationGrad(act, slope, y, gy, gx)
	}
	d.Reduce(kernel.Sum, kernel.Span{Outer: 1, N: rows, Inner: n}, 1, gx, gbias)
}

// SumTo implements kernel.Reductions.
func (d *Device[F]) SumTo(s kernel.Broadcast, x, y kernel.Buffer) {
	sumTo(s, Floats[F](x), Floats[F](y))
}

// sumTo adds every element of x to the element of y that broadcasting took it from.
func sumTo[F Float](s kernel.Broadcast, x, y []F) {
	clear(y)
	if s.Rank == 0 {
		y[0] = x[0]
		return
	}
	last := s.Rank - 1
	inner, stride := s.Shape[last], s.StrideA[last]
	for row := 0; row*inner < len(x); row++ {
		offset := 0
		for rest, dim := row, last-1; dim >= 0; dim-- {
			offset += rest % s.Shape[dim] * s.StrideA[dim]
			rest /= s.Shape[dim]
		}
		values := x[row*inner:][:inner]
		if stride == 0 {
			y[offset] += F(sum(values))
			continue
		}
		for i, v := range values {
			y[offset+i*stride] += v
		}
	}
}

// ArgMax implements kernel.Reductions.
func (d *Device[F]) ArgMax(rows, n int, x, index kernel.Buffer) {
	in, out := Floats[F](x), Ints(index)
	d.pool.For(rows, max(1, Grain/n), func(lo, hi int) {
		for r := lo; r < hi; r++ {
			row, best := in[r*n:][:n], 0
			for i, v := range row {
				if v > row[best] || v != v && row[best] == row[best] {
					best = i
				}
			}
			out[r] = int32(best)
		}
	})
}
