package cuda

import "github.com/bestiary-ml/bestiary/internal/kernel"

// Spline implements kernel.Splines.
func (d *Device) Spline(s kernel.Spline, x, params, y, logSlope kernel.Buffer) {
	d.spline("spline_value", s, x, params, y, logSlope)
}

// SplineGrad implements kernel.Splines.
func (d *Device) SplineGrad(s kernel.Spline, x, params, gy, gLogSlope, gx, gparams kernel.Buffer) {
	d.spline("spline_grad", s, x, params, gy, gLogSlope, gx, gparams)
}

func (d *Device) spline(name string, s kernel.Spline, buffers ...any) {
	d.each(function{"splines", name}, s.Count, append([]any{s.Count, int32(s.Bins), int32(s.Slopes()), flag(s.Circular), flag(s.Inverse),
		float32(s.Bound), float32(s.MinSize), float32(s.MinSlope), float32(s.SoftClip)}, buffers...)...)
}
