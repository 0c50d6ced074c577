package vector

import "github.com/bestiary-ml/bestiary/internal/kernel"

type squaredErrorJob struct {
	error func(a, b []float32) float64
	a, b  []float32
	sums  []float64 // by chunk
}

type smoothL1Job struct {
	loss func(beta float32, a, b []float32) float64
	beta float32
	a, b []float32
	sums []float64 // by chunk
}

// PairLoss implements kernel.Elementwise.
func (d *Device) PairLoss(loss kernel.PairLoss, beta, scale float64, a, b, out kernel.Buffer) {
	left, right := f32(a), f32(b)
	sums := d.chunks(len(left))
	if loss == kernel.SmoothL1 {
		run(d, len(left), grain, &d.jobs.smoothL1, smoothL1Job{d.simd.SmoothL1, float32(beta), left, right, sums})
	} else {
		run(d, len(left), grain, &d.jobs.squaredError, squaredErrorJob{d.simd.SquaredError, left, right, sums})
	}
	f32(out)[0] = float32(scale * total(sums))
}

func (j *squaredErrorJob) chunk(lo, hi int) { j.sums[lo/grain] = j.error(j.a[lo:hi], j.b[lo:hi]) }

func (j *smoothL1Job) chunk(lo, hi int) { j.sums[lo/grain] = j.loss(j.beta, j.a[lo:hi], j.b[lo:hi]) }

type squaredErrorGradJob struct {
	scaledDifference func(factor float32, a, b, y []float32)
	factor           float32
	a, b, ga         []float32
}

type smoothL1GradJob struct {
	grad         func(beta, factor float32, a, b, y []float32)
	beta, factor float32
	a, b, ga     []float32
}

// PairLossGrad implements kernel.Elementwise.
func (d *Device) PairLossGrad(loss kernel.PairLoss, beta, scale float64, a, b, g, ga kernel.Buffer) {
	factor, down := float32(scale)*f32(g)[0], f32(ga)
	if loss == kernel.SmoothL1 {
		run(d, len(down), grain, &d.jobs.smoothL1Grad, smoothL1GradJob{d.simd.SmoothL1Grad, float32(beta), factor, f32(a), f32(b), down})
		return
	}
	run(d, len(down), grain, &d.jobs.squaredErrorGrad, squaredErrorGradJob{d.simd.ScaledDifference, 2 * factor, f32(a), f32(b), down})
}

func (j *squaredErrorGradJob) chunk(lo, hi int) {
	j.scaledDifference(j.factor, j.a[lo:hi], j.b[lo:hi], j.ga[lo:hi])
}

func (j *smoothL1GradJob) chunk(lo, hi int) {
	j.grad(j.beta, j.factor, j.a[lo:hi], j.b[lo:hi], j.ga[lo:hi])
}
