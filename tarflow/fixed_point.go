package tarflow

import (
	"math"

	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/tensor"
)

// fixedPoint inverts z [N, T, D] by fixed-point iteration, or token by token if that doesn't converge, and reports which as
// block i of r.
func (v *inversion) fixedPoint(z *tensor.Tensor, o Inversion, r *Inverted, i int) *tensor.Tensor {
	x, iterations, residual := v.iterate(z, o.Tolerance, o.MaxIterations)
	if !(residual <= o.Tolerance) {
		r.FellBack++
		return v.sequential(z)
	}
	r.Iterations[i], r.Residual = iterations, max(r.Residual, residual)
	return x
}

// iterate inverts z [N, T, D] by fixed-point iteration. residual is the largest change of the last iteration; it is above
// the tolerance if the iteration has not converged.
func (v *inversion) iterate(z *tensor.Tensor, tolerance float64, most int) (x *tensor.Tensor, iterations int, residual float64) {
	copies, fixed := v.conditions(z)
	device := z.Device()
	x = engine.Empty(device, z.Shape()...)
	all := kernel.Contiguous(z.Len())
	engine.Kernels(device).Copy(all, engine.Data(x), engine.Data(z))
	residual = math.Inf(1)
	for iterations < most && !(residual <= tolerance) {
		func() {
			step := device.Scratch()
			defer step.End()
			shift, logScale := v.guided(v.raw(repeat(x, copies), fixed))
			next := z.Mul(logScale.Exp()).Add(shift) // [N, T, D]
			residual = next.Sub(x).Abs().Reshape(-1).MaxOver(0).Item()
			engine.Kernels(device).Copy(all, engine.Data(x), engine.Data(next))
		}()
		iterations++
	}
	return x, iterations, residual
}
