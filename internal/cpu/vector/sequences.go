package vector

import (
	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

type gatedGELUJob struct {
	gelu     func(parameter float32, x, y []float32)
	multiply func(a, b, y []float32)
	columns  int // of y
	x, y     []float32
}

// GatedGELU implements kernel.Sequences.
func (d *Device) GatedGELU(rows, n int, x, y kernel.Buffer) {
	run(d, rows, rowsPerTask(4*n), &d.jobs.gatedGELU,
		gatedGELUJob{d.simd.Unary[kernel.GELU], d.simd.Binary[kernel.Mul], n, f32(x), f32(y)})
}

func (j *gatedGELUJob) chunk(lo, hi int) {
	for r := lo; r < hi; r++ {
		x, y := row(j.x, r, 2*j.columns), row(j.y, r, j.columns)
		j.gelu(0, x[j.columns:], y)
		j.multiply(x[:j.columns], y, y)
	}
}

type gatedGELUGradJob struct {
	simd      *simd.Passes
	columns   int // of gy
	x, gy, gx []float32
}

// GatedGELUGrad implements kernel.Sequences.
func (d *Device) GatedGELUGrad(rows, n int, x, gy, gx kernel.Buffer) {
	run(d, rows, rowsPerTask(8*n), &d.jobs.gatedGELUGrad, gatedGELUGradJob{d.simd, n, f32(x), f32(gy), f32(gx)})
}

func (j *gatedGELUGradJob) chunk(lo, hi int) {
	for r := lo; r < hi; r++ {
		x, gy, gx := row(j.x, r, 2*j.columns), row(j.gy, r, j.columns), row(j.gx, r, 2*j.columns)
		a, b, ga, gb := x[:j.columns], x[j.columns:], gx[:j.columns], gx[j.columns:]
		j.simd.Binary[kernel.Mul](gy, a, gb)
		j.simd.UnaryGrad[kernel.GELU](0, b, nil, gb, gb)
		j.simd.Unary[kernel.GELU](0, b, ga)
		j.simd.Binary[kernel.Mul](gy, ga, ga)
	}
}
