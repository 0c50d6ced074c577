package portable

import (
	"math"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// AdamStep implements kernel.Optimisation.
func (d *Device[F]) AdamStep(a kernel.Adam, params []kernel.AdamParam) {
	for _, p := range params {
		w, g, m, v := Floats[F](p.P), Floats[F](p.G), Floats[F](p.M), Floats[F](p.V)
		d.pool.For(len(w), Grain, func(lo, hi int) {
			adamStep(a, p.WeightDecay, w[lo:hi], g[lo:hi], m[lo:hi], v[lo:hi])
		})
	}
}

// adamStep updates the parameters p with their gradients g and moments m and v.
func adamStep[F Float](a kernel.Adam, decay float64, p, g, m, v []F) {
	correction1 := 1 - math.Pow(a.Beta1, float64(a.Step))
	correction2 := math.Sqrt(1 - math.Pow(a.Beta2, float64(a.Step)))
	rate := F(a.LearningRate / correction1)
	shrink, coupled := F(1), F(decay)
	if a.Decoupled {
		shrink, coupled = F(1-a.LearningRate*decay), 0
	}
	beta1, beta2, scale := F(a.Beta1), F(a.Beta2), F(a.GradScale)
	rest1, rest2 := F(1-a.Beta1), F(1-a.Beta2) // subtracted in float64: 1−float32(0.999) is off by 1e-5
	for i, weight := range p {
		weight *= shrink
		gradient := g[i]*scale + coupled*weight
		m[i] = beta1*m[i] + rest1*gradient
		v[i] = beta2*v[i] + rest2*gradient*gradient
		p[i] = weight - rate*m[i]/(F(math.Sqrt(float64(v[i]))/correction2)+F(a.Eps))
	}
}

// SumSquares implements kernel.Optimisation.
func (d *Device[F]) SumSquares(xs []kernel.Buffer) float64 {
	total := 0.0
	for _, x := range xs {
		v := Floats[F](x)
		total += d.sumChunks(len(v), func(lo, hi int) float64 { return sumSquares(v[lo:hi]) })
	}
	return total
}

func sumSquares[F Float](x []F) float64 {
	total := 0.0
	for _, v := range x {
		total += float64(v) * float64(v)
	}
	return total
}

// Lerp implements kernel.Optimisation.
func (d *Device[F]) Lerp(w float64, x, y kernel.Buffer) {
	in, out := Floats[F](x), Floats[F](y)
	d.pool.For(len(out), Grain, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			out[i] += F(w) * (in[i] - out[i])
		}
	})
}
