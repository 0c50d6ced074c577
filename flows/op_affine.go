package flows

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/tensor"
)

// affineMap computes [Affine] maps of x [N, A] with parameters [N, A·2] in one pass, on a device that has the kernel.
func affineMap(maps kernel.AffineMaps, clip float64, x, params *tensor.Tensor, inverse bool) (y, logSlope *tensor.Tensor) {
	if x.Rank() != 2 || params.Len() != 2*x.Len() {
		panic(fmt.Sprintf("flows: affine maps of %v with %v, which must have two parameters each", x, params))
	}
	d := x.Device()
	a := kernel.NewAffineMap(x.Dim(0), x.Dim(1), clip, inverse)
	y, logSlope = engine.Empty(d, x.Shape()...), engine.Empty(d, x.Shape()...)
	maps.AffineMap(a, engine.Data(x), engine.Data(params), engine.Data(y), engine.Data(logSlope))
	if engine.Recording(d, x, params) {
		engine.Record(d, func() {
			gx, gparams := engine.Take(d, x.Len()), engine.Take(d, params.Len())
			maps.AffineMapGrad(a, engine.Data(x), engine.Data(params), engine.GradOrZero(y), engine.GradOrZero(logSlope), gx, gparams)
			engine.SettleGrad(d, x, gx)
			engine.SettleGrad(d, params, gparams)
		}, y, logSlope)
	}
	return y, logSlope
}
