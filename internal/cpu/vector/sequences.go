package vector

import (
	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

type gatedGELUJob struct {
	simd    *simd.Passes
	columns int // of y
	x, y    []float32
}

// GatedGELU implements kernel.Sequences.
func (d *Device) GatedGELU(rows, n int, x, y kernel.Buffer) {
	run(d, rows, rowsPerTask(4*n), &d.jobs.gatedGELU, gatedGELUJob{d.simd, n, f32(x), f32(y)})
}

func (j *gatedGELUJob) chunk(lo, hi int) {
	for r := lo; r < hi; r++ {
		x, y := row(j.x, r, 2*j.columns), row(j.y, r, j.columns)
		j.simd.GatedGELU(x[:j.columns], x[j.columns:], y)
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
		j.simd.GatedGELUGrad(x[:j.columns], x[j.columns:], gy, gx[:j.columns], gx[j.columns:])
	}
}
