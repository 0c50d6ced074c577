package vector

import (
	"github.com/bestiary-ml/bestiary/internal/cpu/portable"
	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// splineJob computes splines. All but the exponentials of widths and heights and the slopes is a few dozen operations on the one bin
// that a number falls in, so only these are vectorised.
type splineJob struct {
	kernel.Spline
	simd        *simd.Passes
	x, params   []float32
	y, logSlope []float32
	scratch     []float32 // splineRoom numbers for each task
	perTask     int
}

// splineRoom is the number of weights, slopes and their derivatives of a spline.
func splineRoom(s kernel.Spline) int { return 2*s.Bins + 2*s.Slopes() }

// Spline implements kernel.Splines.
func (d *Device) Spline(s kernel.Spline, x, params, y, logSlope kernel.Buffer) {
	run(d, s.Count, portable.SplinesPerTask(s), &d.jobs.spline, splineJob{s, d.simd, f32(x), f32(params), f32(y), f32(logSlope),
		d.splineScratch(s), portable.SplinesPerTask(s)})
}

func (j *splineJob) chunk(lo, hi int) {
	scratch := row(j.scratch, lo/j.perTask, splineRoom(j.Spline))
	weights := scratch[:2*j.Bins]
	for i := lo; i < hi; i++ {
		if v := float64(j.x[i]); !(v >= -j.Bound && v <= j.Bound) {
			j.y[i], j.logSlope[i] = j.x[i], 0
			continue
		}
		p := row(j.params, i, j.Params())
		splineWeights(j.simd, j.Spline, p, weights)
		known := splineSlopes(j.simd, j.Spline, p[2*j.Bins:], scratch[2*j.Bins:], false)
		j.y[i], j.logSlope[i] = portable.SplineAt(j.Spline, j.x[i], weights, p[2*j.Bins:], known)
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
	scratch := row(j.scratch, lo/j.perTask, splineRoom(j.Spline))
	weights := scratch[:2*j.Bins]
	for i := lo; i < hi; i++ {
		if v := float64(j.x[i]); !(v >= -j.Bound && v <= j.Bound) {
			clear(row(j.gparams, i, j.Params()))
			j.gx[i] = j.gy[i]
			continue
		}
		p := row(j.params, i, j.Params())
		splineWeights(j.simd, j.Spline, p, weights)
		known := splineSlopes(j.simd, j.Spline, p[2*j.Bins:], scratch[2*j.Bins:], true)
		j.gx[i] = portable.SplineGradAt(j.Spline, j.x[i], weights, p, known, j.gy[i], j.gLogSlope[i], row(j.gparams, i, j.Params()))
	}
}

// splineScratch returns room for the weights and slopes of each task.
func (d *Device) splineScratch(s kernel.Spline) []float32 {
	tasks := (s.Count + portable.SplinesPerTask(s) - 1) / portable.SplinesPerTask(s)
	d.scratch = resize(d.scratch, splineRoom(s)*tasks)
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

// splineSlopes computes the slopes MinSlope + softplus(u) of a spline in one pass, and with grad their derivatives sigmoid(u), into
// room. Other slopes are left to portable.SplineAt, which computes the two that it needs.
func splineSlopes(simd *simd.Passes, s kernel.Spline, params, room []float32, grad bool) (k portable.SplineSlopes[float32]) {
	if s.SoftClip > 0 || len(params) == 0 {
		return k
	}
	n := len(params)
	k.Values = room[:n]
	simd.Unary[kernel.Softplus](0, params, k.Values)
	least := float32(s.MinSlope)
	for i := range k.Values {
		k.Values[i] += least
	}
	if grad {
		k.Derivatives = room[n : 2*n]
		simd.Unary[kernel.Sigmoid](0, params, k.Derivatives)
	}
	return k
}
