package cpu

import "github.com/bestiary-ml/bestiary/internal/kernel"

// AdamStep implements kernel.Optimisation.
func (d *Device[F]) AdamStep(a kernel.Adam, params []kernel.AdamParam) {
	if d.passes != nil {
		d.passes.adamStep(a, params)
		return
	}
	for _, p := range params {
		w, g, m, v := floats[F](p.P), floats[F](p.G), floats[F](p.M), floats[F](p.V)
		d.pool.For(len(w), grain, func(lo, hi int) {
			adamStep(a, p.WeightDecay, w[lo:hi], g[lo:hi], m[lo:hi], v[lo:hi])
		})
	}
}

// SumSquares implements kernel.Optimisation.
func (d *Device[F]) SumSquares(xs []kernel.Buffer) float64 {
	if d.passes != nil {
		return d.passes.sumSquares(xs)
	}
	total := 0.0
	for _, x := range xs {
		v := floats[F](x)
		total += d.sumChunks(len(v), func(lo, hi int) float64 { return sumSquares(v[lo:hi]) })
	}
	return total
}

// Lerp implements kernel.Optimisation.
func (d *Device[F]) Lerp(w float64, x, y kernel.Buffer) {
	if d.passes != nil {
		d.passes.lerp(float32(w), f32(x), f32(y))
		return
	}
	in, out := floats[F](x), floats[F](y)
	d.pool.For(len(out), grain, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			out[i] += F(w) * (in[i] - out[i])
		}
	})
}
