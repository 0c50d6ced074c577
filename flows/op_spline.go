package flows

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/tensor"
)

// spline applies rational-quadratic splines to the numbers x, of any shape; params has s.Params() numbers for each of them. It
// returns the values and the logarithms of the derivatives, both in the shape of x. s.Count is set from x.
func spline(s kernel.Spline, x, params *tensor.Tensor) (y, logSlope *tensor.Tensor) {
	s.Count = x.Len()
	if params.Len() != s.Count*s.Params() {
		panic(fmt.Sprintf("flows: splines of %v with %v, which must have %d parameters each", x, params, s.Params()))
	}
	d := x.Device()
	k := engine.Kernels(d)
	y, logSlope = engine.Empty(d, x.Shape()...), engine.Empty(d, x.Shape()...)
	k.Spline(s, engine.Data(x), engine.Data(params), engine.Data(y), engine.Data(logSlope))
	if engine.Recording(d, x, params) {
		engine.Record(d, func() {
			gx, gparams := engine.Take(d, x.Len()), engine.Take(d, params.Len())
			k.SplineGrad(s, engine.Data(x), engine.Data(params), engine.GradOrZero(y), engine.GradOrZero(logSlope), gx, gparams)
			engine.SettleGrad(d, x, gx)
			engine.SettleGrad(d, params, gparams)
		}, y, logSlope)
	}
	return y, logSlope
}
