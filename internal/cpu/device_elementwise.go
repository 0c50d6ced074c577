package cpu

import "github.com/bestiary-ml/bestiary/internal/kernel"

// Fill implements kernel.Elementwise.
func (d *Device[F]) Fill(y kernel.Buffer, value float64) {
	if d.passes != nil {
		d.passes.fill(f32(y), float32(value))
		return
	}
	out := floats[F](y)
	d.pool.For(len(out), grain, func(lo, hi int) {
		part := out[lo:hi]
		for i := range part {
			part[i] = F(value)
		}
	})
}

// Unary implements kernel.Elementwise.
func (d *Device[F]) Unary(op kernel.Unary, a float64, x, y kernel.Buffer) {
	if d.passes != nil {
		d.passes.unary(op, float32(a), f32(x), f32(y))
		return
	}
	in, out := floats[F](x), floats[F](y)
	d.pool.For(len(out), grain, func(lo, hi int) { unary(op, F(a), in[lo:hi], out[lo:hi]) })
}

// UnaryGrad implements kernel.Elementwise.
func (d *Device[F]) UnaryGrad(op kernel.Unary, a float64, x, y, gy, gx kernel.Buffer) {
	if d.passes != nil {
		d.passes.unaryGrad(op, float32(a), f32(x), f32(y), f32(gy), f32(gx))
		return
	}
	in, out, up, down := floats[F](x), floats[F](y), floats[F](gy), floats[F](gx)
	d.pool.For(len(down), grain, func(lo, hi int) {
		unaryGrad(op, F(a), part(in, lo, hi), part(out, lo, hi), up[lo:hi], down[lo:hi])
	})
}

// part is v[lo:hi], or nil where v is absent.
func part[F Float](v []F, lo, hi int) []F {
	if v == nil {
		return nil
	}
	return v[lo:hi]
}

// Binary implements kernel.Elementwise.
func (d *Device[F]) Binary(op kernel.Binary, s kernel.Broadcast, a, b, y kernel.Buffer) {
	if d.passes != nil {
		d.passes.binary(op, s, f32(a), f32(b), f32(y))
		return
	}
	d.binary(op, s, floats[F](a), floats[F](b), floats[F](y))
}

// binary is apart from Binary because its closures make s escape, which costs an allocation on entry.
func (d *Device[F]) binary(op kernel.Binary, s kernel.Broadcast, left, right, out []F) {
	if len(out) == 0 {
		return
	}
	if s.Rank == 0 { // one number: a row of one
		s.Rank, s.Shape[0] = 1, 1
	}
	inner := s.Shape[s.Rank-1]
	if s.Rank == 1 && s.StrideA[0] <= 1 && s.StrideB[0] <= 1 { // one long row: split it
		d.pool.For(inner, grain, func(lo, hi int) {
			binaryRow(op, left[lo*s.StrideA[0]:], s.StrideA[0], right[lo*s.StrideB[0]:], s.StrideB[0], out[lo:hi])
		})
		return
	}
	rows := len(out) / inner
	d.pool.For(rows, max(1, grain/inner), func(lo, hi int) {
		for row := lo; row < hi; row++ {
			offsetA, offsetB := 0, 0
			for rest, dim := row, s.Rank-2; dim >= 0; dim-- {
				i := rest % s.Shape[dim]
				rest /= s.Shape[dim]
				offsetA += i * s.StrideA[dim]
				offsetB += i * s.StrideB[dim]
			}
			last := s.Rank - 1
			binaryRow(op, left[offsetA:], s.StrideA[last], right[offsetB:], s.StrideB[last], out[row*inner:][:inner])
		}
	})
}

// AddScaled implements kernel.Elementwise.
func (d *Device[F]) AddScaled(a float64, x, y kernel.Buffer) {
	if d.passes != nil {
		d.passes.addScaled(float32(a), f32(x), f32(y))
		return
	}
	in, out := floats[F](x), floats[F](y)
	d.pool.For(len(out), grain, func(lo, hi int) {
		dst, scale := out[lo:hi], F(a)
		for i, v := range in[lo:hi] {
			dst[i] += scale * v
		}
	})
}

// AddProduct implements kernel.Elementwise.
func (d *Device[F]) AddProduct(rows, n int, x, y, s, out kernel.Buffer) {
	if d.passes != nil {
		d.passes.addProduct(rows, n, f32(x), f32(y), f32(s), f32(out))
		return
	}
	xs, ys, factors, sums := floats[F](x), floats[F](y), floats[F](s), floats[F](out)
	d.pool.For(rows, max(1, grain/max(1, n)), func(lo, hi int) {
		for r := lo; r < hi; r++ {
			x, y, sum := row(xs, r, n), row(ys, r, n), row(sums, r, n)
			for i, factor := range factors {
				product := y[i] * factor // rounded by itself
				sum[i] = x[i] + product
			}
		}
	})
}

// ActivationGrad implements kernel.Elementwise.
func (d *Device[F]) ActivationGrad(act kernel.Activation, slope float64, y, gy, gx kernel.Buffer) {
	if d.passes != nil {
		d.passes.activationGrad(act, slope, f32(y), f32(gy), f32(gx))
		return
	}
	out, up, down := floats[F](y), floats[F](gy), floats[F](gx)
	d.pool.For(len(down), grain, func(lo, hi int) {
		activationGrad(act, F(slope), out[lo:hi], up[lo:hi], down[lo:hi])
	})
}

// PairLoss implements kernel.Elementwise.
func (d *Device[F]) PairLoss(loss kernel.PairLoss, beta, scale float64, a, b, out kernel.Buffer) {
	if d.passes != nil {
		f32(out)[0] = float32(scale * d.passes.pairLoss(loss, float32(beta), f32(a), f32(b)))
		return
	}
	left, right := floats[F](a), floats[F](b)
	sum := d.sumChunks(len(left), func(lo, hi int) float64 { return pairLoss(loss, beta, left[lo:hi], right[lo:hi]) })
	floats[F](out)[0] = F(scale * sum)
}

// PairLossGrad implements kernel.Elementwise.
func (d *Device[F]) PairLossGrad(loss kernel.PairLoss, beta, scale float64, a, b, g, ga kernel.Buffer) {
	if d.passes != nil {
		factor := float32(scale) * f32(g)[0]
		d.passes.pairLossGrad(loss, float32(beta), factor, f32(a), f32(b), f32(ga))
		return
	}
	left, right, down := floats[F](a), floats[F](b), floats[F](ga)
	factor := F(scale) * floats[F](g)[0]
	d.pool.For(len(down), grain, func(lo, hi int) {
		pairLossGrad(loss, F(beta), factor, left[lo:hi], right[lo:hi], down[lo:hi])
	})
}
