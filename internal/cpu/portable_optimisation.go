package cpu

import (
	"math"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

func sumSquares[F Float](x []F) float64 {
	total := 0.0
	for _, v := range x {
		total += float64(v) * float64(v)
	}
	return total
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
