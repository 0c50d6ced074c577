package vector

import (
	"github.com/bestiary-ml/bestiary/internal/cpu/portable"
	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// splineJob computes splines. All but the exponentials of widths and heights is a few dozen operations on the one bin that a
// number falls in, so only these are vectorised.
type splineJob struct {
	kernel.Spline
	simd        *simd.Passes
	x, params   []float32
	y, logSlope []float32
	scratch     []float32 // 2·Bins weights for each task
	perTask     int
}

// Spline implements kernel.Splines.
func (d *Device) Spline(s kernel.Spline, x, params, y, logSlope kernel.Buffer) {
	run(d, s.Count, portable.SplinesPerTask(s), &d.jobs.spline, splineJob{s, d.simd, f32(x), f32(params), f32(y), f32(logSlope),
		d.splineScratch(s), portable.SplinesPerTask(s)})
}

func (j *splineJob) chunk(lo, hi int) {
	weights := row(j.scratch, lo/j.perTask, 2*j.Bins)
	for i := lo; i < hi; i++ {
		p := row(j.params, i, j.Params())
		splineWeights(j.simd, j.Spline, p, weights)
		j.y[i], j.logSlope[i] = portable.SplineAt(j.Spline, j.x[i], weights, p[2*j.Bins:])
	}
}

type splineGradJob struct {
	kernel.Spline
	simd          *simd.Passes
	x, params     []float32
	gy, gLogSlope []float32
	gx, gparams   []float32
	scratch       []float32 // as in splineJob
	perTask       int
}

// SplineGrad implements kernel.Splines.
func (d *Device) SplineGrad(s kernel.Spline, x, params, gy, gLogSlope, gx, gparams kernel.Buffer) {
	run(d, s.Count, portable.SplinesPerTask(s), &d.jobs.splineGrad, splineGradJob{s, d.simd, f32(x), f32(params), f32(gy), f32(gLogSlope),
		f32(gx), f32(gparams), d.splineScratch(s), portable.SplinesPerTask(s)})
}

func (j *splineGradJob) chunk(lo, hi int) {
	weights := row(j.scratch, lo/j.perTask, 2*j.Bins)
	for i := lo; i < hi; i++ {
		p := row(j.params, i, j.Params())
		splineWeights(j.simd, j.Spline, p, weights)
		j.gx[i] = portable.SplineGradAt(j.Spline, j.x[i], weights, p, j.gy[i], j.gLogSlope[i], row(j.gparams, i, j.Params()))
	}
}

// splineScratch returns room for the weights of each task.
func (d *Device) splineScratch(s kernel.Spline) []float32 {
	tasks := (s.Count + portable.SplinesPerTask(s) - 1) / portable.SplinesPerTask(s)
	d.scratch = resize(d.scratch, 2*s.Bins*tasks)
	return d.scratch
}

// splineWeights sets weights [2·Bins] to what portable.SplineAt takes.
func splineWeights(simd *simd.Passes, s kernel.Spline, params, weights []float32) {
	logits := params[:2*s.Bins]
	if s.SoftClip > 0 {
		for i, u := range logits {
			weights[i] = float32(portable.SplineLogit(s, float64(u)))
		}
		logits = weights
	}
	for lo := 0; lo < len(logits); lo += s.Bins {
		of, out := logits[lo:lo+s.Bins], weights[lo:lo+s.Bins]
		simd.ExpShift(simd.Max(of), of, out)
	}
}
