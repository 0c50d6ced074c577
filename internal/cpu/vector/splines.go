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
	scratch     []float32 // of splineTasks
	perTask     int
}

// splineRoom is the number of weights, slopes and their derivatives of a spline.
func splineRoom(s kernel.Spline) int { return 2*s.Bins + 2*s.Slopes() }

// Spline implements kernel.Splines.
func (d *Device) Spline(s kernel.Spline, x, params, y, logSlope kernel.Buffer) {
	perTask, scratch := d.splineTasks(s, blocked(s))
	run(d, s.Count, perTask, &d.jobs.spline, splineJob{s, d.simd, f32(x), f32(params), f32(y), f32(logSlope), scratch, perTask})
}

func (j *splineJob) chunk(lo, hi int) {
	if blocked(j.Spline) {
		b := newSplineBlock(j.Spline, row(j.scratch, lo/j.perTask, splineBlockSize(j.Spline)))
		for ; lo < hi; lo += simd.SplineBlock {
			to := min(hi, lo+simd.SplineBlock)
			b.find(j.simd, j.Spline, j.x[lo:to], j.params[lo*j.Params():to*j.Params()])
			b.apply(j.simd, j.Spline, j.x[lo:to], j.y[lo:to], j.logSlope[lo:to])
		}
		return
	}
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
	perTask, scratch := d.splineTasks(s, blocked(s) && !s.Inverse)
	run(d, s.Count, perTask, &d.jobs.splineGrad, splineGradJob{s, d.simd, f32(x), f32(params), f32(gy), f32(gLogSlope),
		f32(gx), f32(gparams), scratch, perTask})
}

func (j *splineGradJob) chunk(lo, hi int) {
	if blocked(j.Spline) && !j.Inverse {
		b := newSplineBlock(j.Spline, row(j.scratch, lo/j.perTask, splineBlockSize(j.Spline)))
		for ; lo < hi; lo += simd.SplineBlock {
			to := min(hi, lo+simd.SplineBlock)
			b.find(j.simd, j.Spline, j.x[lo:to], j.params[lo*j.Params():to*j.Params()])
			b.grad(j.simd, j.Spline, j.gy[lo:to], j.gLogSlope[lo:to], j.gx[lo:to], j.gparams[lo*j.Params():to*j.Params()])
		}
		return
	}
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

// splineTasks returns the number of splines of a task, and scratch memory for all tasks.
func (d *Device) splineTasks(s kernel.Spline, blocks bool) (perTask int, scratch []float32) {
	size := splineRoom(s)
	perTask = portable.SplinesPerTask(s)
	if blocks {
		size, perTask = splineBlockSize(s), splineBlocks*simd.SplineBlock
	}
	d.scratch = resize(d.scratch, size*((s.Count+perTask-1)/perTask))
	return perTask, d.scratch
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
