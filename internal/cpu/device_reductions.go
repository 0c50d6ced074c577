package cpu

import "github.com/bestiary-ml/bestiary/internal/kernel"

// sumChunks adds f over fixed chunks of [0, n), in order, in float64.
func (d *Device[F]) sumChunks(n int, f func(lo, hi int) float64) float64 {
	chunks := (n + grain - 1) / grain
	if chunks > len(d.partial) {
		d.partial = make([]float64, chunks)
	}
	partial := d.partial[:chunks]
	d.pool.For(n, grain, func(lo, hi int) { partial[lo/grain] = f(lo, hi) })
	sum := 0.0
	for _, v := range partial {
		sum += v
	}
	return sum
}

// Reduce implements kernel.Reductions.
func (d *Device[F]) Reduce(op kernel.Reduce, s kernel.Span, scale float64, x, y kernel.Buffer) {
	if y.Len == 0 {
		return
	}
	if d.passes != nil {
		d.passes.reduce(op, s, float32(scale), f32(x), f32(y))
		return
	}
	in, out := floats[F](x), floats[F](y)
	if op == kernel.Sum && s.Outer*s.Inner == 1 {
		out[0] = F(scale * d.sumChunks(s.N, func(lo, hi int) float64 { return sum(in[lo:hi]) }))
		return
	}
	d.pool.For(s.Outer, max(1, grain/max(1, s.N*s.Inner)), func(lo, hi int) {
		for o := lo; o < hi; o++ {
			reduceSpan(op, s, F(scale), in[o*s.N*s.Inner:][:s.N*s.Inner], out[o*s.Inner:][:s.Inner])
		}
	})
}

// ActivationBiasGrad implements kernel.Reductions.
func (d *Device[F]) ActivationBiasGrad(act kernel.Activation, slope float64, rows, n int, y, gy, gx, gbias kernel.Buffer) {
	if act != kernel.NoActivation || gx != gy {
		d.ActivationGrad(act, slope, y, gy, gx)
	}
	d.Reduce(kernel.Sum, kernel.Span{Outer: 1, N: rows, Inner: n}, 1, gx, gbias)
}

// SumTo implements kernel.Reductions.
func (d *Device[F]) SumTo(s kernel.Broadcast, x, y kernel.Buffer) {
	if d.passes != nil && d.passes.sumTo(s, f32(x), f32(y)) {
		return
	}
	sumTo(s, floats[F](x), floats[F](y))
}

// Softmax implements kernel.Reductions.
func (d *Device[F]) Softmax(log bool, s kernel.Span, x, y kernel.Buffer) {
	if d.passes != nil && s.Inner == 1 {
		d.passes.softmax(log, s.Outer, s.N, f32(x), f32(y))
		return
	}
	in, out := floats[F](x), floats[F](y)
	d.overSpans(s, func(at int) { softmaxLane(log, s.N, s.Inner, in[at:], out[at:]) })
}

// SoftmaxGrad implements kernel.Reductions.
func (d *Device[F]) SoftmaxGrad(log bool, s kernel.Span, y, gy, gx kernel.Buffer) {
	if d.passes != nil && s.Inner == 1 {
		d.passes.softmaxGrad(log, s.Outer, s.N, f32(y), f32(gy), f32(gx))
		return
	}
	out, up, down := floats[F](y), floats[F](gy), floats[F](gx)
	d.overSpans(s, func(at int) { softmaxGradLane(log, s.N, s.Inner, out[at:], up[at:], down[at:]) })
}

// overSpans calls f with the offset of every lane along the middle dimension.
func (d *Device[F]) overSpans(s kernel.Span, f func(at int)) {
	d.pool.For(s.Outer*s.Inner, max(1, grain/8/max(1, s.N)), func(lo, hi int) {
		for lane := lo; lane < hi; lane++ {
			f(lane/s.Inner*s.N*s.Inner + lane%s.Inner)
		}
	})
}

// CrossEntropy implements kernel.Reductions.
func (d *Device[F]) CrossEntropy(rows, classes int, logits, labels, losses kernel.Buffer) {
	if d.passes != nil {
		d.passes.crossEntropy(rows, classes, f32(logits), ints(labels), f32(losses))
		return
	}
	in, index, out := floats[F](logits), ints(labels), floats[F](losses)
	d.pool.For(rows, max(1, grain/8/classes), func(lo, hi int) {
		for r := lo; r < hi; r++ {
			out[r] = crossEntropyRow(in[r*classes:][:classes], index[r])
		}
	})
}

// CrossEntropyGrad implements kernel.Reductions.
func (d *Device[F]) CrossEntropyGrad(rows, classes int, logits, labels, scale, g kernel.Buffer) {
	if d.passes != nil {
		d.passes.crossEntropyGrad(rows, classes, f32(logits), ints(labels), f32(scale), f32(g))
		return
	}
	in, index, factor, down := floats[F](logits), ints(labels), floats[F](scale), floats[F](g)
	d.pool.For(rows, max(1, grain/8/classes), func(lo, hi int) {
		for r := lo; r < hi; r++ {
			crossEntropyGradRow(in[r*classes:][:classes], index[r], factor[r], down[r*classes:][:classes])
		}
	})
}

// ArgMax implements kernel.Reductions.
func (d *Device[F]) ArgMax(rows, n int, x, index kernel.Buffer) {
	in, out := floats[F](x), ints(index)
	d.pool.For(rows, max(1, grain/n), func(lo, hi int) {
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
