package flows

import (
	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/tensor"
)

func init() { engine.AddTrial("flows", newTrial) }

// newTrial returns a flow of one coupling, one normalization and splines of n rows of 40 numbers.
func newTrial(d *tensor.Device, g *tensor.Generator, n int) engine.Trial {
	const dim, condition = 40, 3
	leaf := func(shape ...int) *tensor.Tensor { return g.Normal(d, shape...).Scale(0.2).SetRequiresGrad(true) }
	var passing []int
	for column := range dim {
		if column%5 < 2 || column%7 == 0 {
			passing = append(passing, column)
		}
	}
	c := newColumns(d, dim, passing)
	x, net, bias := leaf(n, dim), leaf(condition+len(passing), 2*c.active), leaf(2*c.active)
	curve := DefaultSpline()
	knots := leaf(n, dim*curve.Params())
	logGamma, beta := leaf(dim), leaf(dim)
	cond, order := g.Normal(d, n, condition), d.Ints(g.Permutation(dim))
	r := running{mean: d.Zeros(dim), variance: d.Full(1, dim), momentum: 0.1}
	couple := func(x *tensor.Tensor, a affine) (y, logDet *tensor.Tensor) {
		a.bounded = true
		return c.affine(x, c.input(x, cond).Linear(net, bias, tensor.Identity), a)
	}
	return engine.Trial{
		Layers:     []string{"rows in a coupling", "a coupling's network", "a coupling's bias", "a flow's scale", "a flow's shift", "a spline's knots"},
		Parameters: []*tensor.Tensor{x, net, bias, logGamma, beta, knots},
		Loss: func() *tensor.Tensor {
			y, logDet := couple(x, affine{order: order})
			z, shared := normalize(y, logGamma, beta, r, true, 0.01, nil)
			bent, logSlope := curve.Apply(z, knots, false)
			return bent.Square().Mean().Sub(logDet.Mean()).Sub(logSlope.Mean()).Sub(shared)
		},
		Answers: []engine.Answer{{Of: "inverse of a coupling", Compute: func() []float32 {
			step := d.Scratch()
			defer step.End()
			y, logDet := couple(x, affine{inverse: true})
			z, shared := normalize(y, logGamma, beta, r, false, 0.01, nil)
			return tensor.Concat(0, z.Reshape(-1), logDet, shared).Values()
		}}},
	}
}
