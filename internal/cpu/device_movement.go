package cpu

import "github.com/bestiary-ml/bestiary/internal/kernel"

// Copy implements kernel.Movement. It moves elements of any type of the buffers' size.
func (d *Device[F]) Copy(s kernel.Strided, dst, src kernel.Buffer) {
	if dst.Size == 4 {
		if d.passes != nil && d.passes.transpose(s, dst, src) {
			return
		}
		copyStrided(d.pool, s, kernel.Slice[int32](dst), kernel.Slice[int32](src))
		return
	}
	copyStrided(d.pool, s, kernel.Slice[float64](dst), kernel.Slice[float64](src))
}

// Gather implements kernel.Movement.
func (d *Device[F]) Gather(s kernel.Span, x, index, y kernel.Buffer) {
	if d.passes != nil && s.Inner == 1 && gatherable(ints(index), s.N) {
		d.passes.gather(s.Outer, s.N, f32(x), ints(index), f32(y))
		return
	}
	in, at, out := floats[F](x), ints(index), floats[F](y)
	d.pool.For(s.Outer, max(1, grain/max(1, len(at)*s.Inner)), func(lo, hi int) {
		for o := lo; o < hi; o++ {
			gather(s.Inner, in[o*s.N*s.Inner:][:s.N*s.Inner], at, out[o*len(at)*s.Inner:])
		}
	})
}

// ScatterAdd implements kernel.Movement.
func (d *Device[F]) ScatterAdd(s kernel.Span, x, index, y kernel.Buffer) {
	if d.passes != nil && s.Inner == 1 && d.passes.scatterAdd(s.Outer, s.N, f32(x), ints(index), f32(y)) {
		return
	}
	in, at, out := floats[F](x), ints(index), floats[F](y)
	d.pool.For(s.Outer, max(1, grain/max(1, s.N*s.Inner)), func(lo, hi int) {
		for o := lo; o < hi; o++ {
			scatterAdd(s.Inner, in[o*len(at)*s.Inner:], at, out[o*s.N*s.Inner:][:s.N*s.Inner])
		}
	})
}
