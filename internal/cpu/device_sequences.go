package cpu

import "github.com/bestiary-ml/bestiary/internal/kernel"

// operands views the buffers of an attention.
func operands[F Float](a kernel.Attention, q, k, v, keep, y, logSum kernel.Buffer) attention[F] {
	o := attention[F]{
		Attention: a, q: floats[F](q), k: floats[F](k), v: floats[F](v), y: floats[F](y),
		logSum: floats[F](logSum), keep: ints(keep),
	}
	if a.Mask != nil {
		o.rows = ints(a.Mask.Rows)
	}
	return o
}

// Attention implements kernel.Sequences.
func (d *Device[F]) Attention(a kernel.Attention, q, k, v, keep, y, logSum kernel.Buffer) {
	if d.products != nil {
		d.products.attend(operands[float32](a, q, k, v, keep, y, logSum))
		return
	}
	o := operands[F](a, q, k, v, keep, y, logSum)
	d.pool.For(a.Batch*a.Heads*a.Queries, 4, func(lo, hi int) {
		p := make([]F, a.Keys)
		for t := lo; t < hi; t++ {
			o.forward(t/(a.Heads*a.Queries), t/a.Queries%a.Heads, t%a.Queries, p)
		}
	})
}

// AttentionGrad implements kernel.Sequences.
func (d *Device[F]) AttentionGrad(a kernel.Attention, q, k, v, keep, y, logSum, gy, gq, gk, gv kernel.Buffer) {
	if d.products != nil {
		o := operands[float32](a, q, k, v, keep, y, logSum)
		o.gy, o.gq, o.gk, o.gv = f32(gy), f32(gq), f32(gk), f32(gv)
		d.products.attendGrad(o)
		return
	}
	o := operands[F](a, q, k, v, keep, y, logSum)
	o.gy, o.gq, o.gk, o.gv = floats[F](gy), floats[F](gq), floats[F](gk), floats[F](gv)
	d.pool.For(a.Batch*a.Heads, 1, func(lo, _ int) {
		o.backward(lo/a.Heads, lo%a.Heads, make([]F, a.Keys))
	})
}

// Rotary implements kernel.Sequences.
func (d *Device[F]) Rotary(r kernel.Rotary, cos, sin, x, y kernel.Buffer) {
	c, s, in, out := floats[F](cos), floats[F](sin), floats[F](x), floats[F](y)
	token := r.Groups * r.Dim
	d.pool.For(r.Batch*r.Tokens, max(1, grain/token), func(lo, hi int) {
		for t := lo; t < hi; t++ {
			angles := t % r.Tokens * r.Pairs
			for at := t * token; at < (t+1)*token; at += r.Dim {
				rotate(r, c[angles:][:r.Pairs], s[angles:][:r.Pairs], in[at:][:r.Dim], out[at:][:r.Dim])
			}
		}
	})
}

// GatedGELU implements kernel.Sequences.
func (d *Device[F]) GatedGELU(rows, n int, x, y kernel.Buffer) {
	if d.passes != nil {
		d.passes.gatedGELU(rows, n, f32(x), f32(y))
		return
	}
	in, out := floats[F](x), floats[F](y)
	d.pool.For(rows, max(1, grain/n), func(lo, hi int) {
		for r := lo; r < hi; r++ {
			gatedGELURow(row(in, r, 2*n), row(out, r, n))
		}
	})
}

// GatedGELUGrad implements kernel.Sequences.
func (d *Device[F]) GatedGELUGrad(rows, n int, x, gy, gx kernel.Buffer) {
	if d.passes != nil {
		d.passes.gatedGELUGrad(rows, n, f32(x), f32(gy), f32(gx))
		return
	}
	in, up, down := floats[F](x), floats[F](gy), floats[F](gx)
	d.pool.For(rows, max(1, grain/n), func(lo, hi int) {
		for r := lo; r < hi; r++ {
			gatedGELUGradRow(row(in, r, 2*n), row(up, r, n), row(down, r, 2*n))
		}
	})
}
