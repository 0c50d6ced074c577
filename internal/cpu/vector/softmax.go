package vector

import (
	"math"

	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

type softmaxJob struct {
	simd    *simd.Passes
	log     bool
	columns int
	x, y    []float32
}

// Softmax implements kernel.Reductions: along rows; along other dimensions the portable kernel does it.
func (d *Device) Softmax(log bool, s kernel.Span, x, y kernel.Buffer) {
	if s.Inner != 1 {
		d.Device.Softmax(log, s, x, y)
		return
	}
	run(d, s.Outer, rowsPerTask(8*s.N), &d.jobs.softmax, softmaxJob{d.simd, log, s.N, f32(x), f32(y)})
}

func (j *softmaxJob) chunk(lo, hi int) {
	for r := lo; r < hi; r++ {
		x, y := row(j.x, r, j.columns), row(j.y, r, j.columns)
		largest := j.simd.Max(x)
		if !j.log {
			sum := j.simd.ExpShift(largest, x, y)
			j.simd.Unary[kernel.Scale](float32(1/sum), y, y)
			continue
		}
		sum := j.simd.SumExp(largest, x)
		j.simd.BinaryRight[kernel.Sub](x, largest, y) // in two steps: largest + log(sum) would be rounded
		j.simd.BinaryRight[kernel.Sub](y, float32(math.Log(sum)), y)
	}
}

type softmaxGradJob struct {
	simd      *simd.Passes
	log       bool
	columns   int
	y, gy, gx []float32
}

// SoftmaxGrad implements kernel.Reductions, as Softmax does.
func (d *Device) SoftmaxGrad(log bool, s kernel.Span, y, gy, gx kernel.Buffer) {
	if s.Inner != 1 {
		d.Device.SoftmaxGrad(log, s, y, gy, gx)
		return
	}
	run(d, s.Outer, rowsPerTask(4*s.N), &d.jobs.softmaxGrad, softmaxGradJob{d.simd, log, s.N, f32(y), f32(gy), f32(gx)})
}

func (j *softmaxGradJob) chunk(lo, hi int) {
	for r := lo; r < hi; r++ {
		y, gy, gx := row(j.y, r, j.columns), row(j.gy, r, j.columns), row(j.gx, r, j.columns)
		if j.log {
			j.simd.LogSoftmaxGrad(float32(j.simd.Sum(gy)), y, gy, gx)
		} else {
			j.simd.SoftmaxGrad(float32(j.simd.Dot(y, gy)), y, gy, gx)
		}
	}
}

type crossEntropyJob struct {
	simd           *simd.Passes
	classes        int
	logits, losses []float32
	labels         []int32
}

// CrossEntropy implements kernel.Reductions.
func (d *Device) CrossEntropy(rows, classes int, logits, labels, losses kernel.Buffer) {
	run(d, rows, rowsPerTask(8*classes), &d.jobs.crossEntropy, crossEntropyJob{d.simd, classes, f32(logits), f32(losses), ints(labels)})
}

func (j *crossEntropyJob) chunk(lo, hi int) {
	for r := lo; r < hi; r++ {
		label := j.labels[r]
		if label < 0 {
			j.losses[r] = 0
			continue
		}
		x := row(j.logits, r, j.classes)
		largest := j.simd.Max(x)
		j.losses[r] = float32(float64(largest) - float64(x[label]) + math.Log(j.simd.SumExp(largest, x)))
	}
}

type crossEntropyGradJob struct {
	simd          *simd.Passes
	classes       int
	logits, scale []float32
	labels        []int32
	gradient      []float32
}

// CrossEntropyGrad implements kernel.Reductions.
func (d *Device) CrossEntropyGrad(rows, classes int, logits, labels, scale, g kernel.Buffer) {
	run(d, rows, rowsPerTask(8*classes), &d.jobs.entropyGrad,
		crossEntropyGradJob{d.simd, classes, f32(logits), f32(scale), ints(labels), f32(g)})
}

func (j *crossEntropyGradJob) chunk(lo, hi int) {
	for r := lo; r < hi; r++ {
		g, label := row(j.gradient, r, j.classes), j.labels[r]
		if label < 0 {
			clear(g)
			continue
		}
		x := row(j.logits, r, j.classes)
		sum := j.simd.ExpShift(j.simd.Max(x), x, g)
		j.simd.Unary[kernel.Scale](float32(float64(j.scale[r])/sum), g, g)
		g[label] -= j.scale[r]
	}
}
