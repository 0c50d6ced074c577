package cpu

import "github.com/bestiary-ml/bestiary/internal/kernel"

// gatedGELU is kernel.Sequences' GatedGELU.
func (p *passes) gatedGELU(rows, n int, x, y []float32) {
	p.overRows(rows, 4*n, job{size: n, x: x, y: y}, func(j *job, lo, hi int) {
		for r := lo; r < hi; r++ {
			x, y := row(j.x, r, 2*j.size), row(j.y, r, j.size)
			j.Unary[kernel.GELU](0, x[j.size:], y)
			j.Binary[kernel.Mul](x[:j.size], y, y)
		}
	})
}

// gatedGELUGrad is its adjoint.
func (p *passes) gatedGELUGrad(rows, n int, x, gy, gx []float32) {
	p.overRows(rows, 8*n, job{size: n, x: x, gy: gy, gx: gx}, func(j *job, lo, hi int) {
		for r := lo; r < hi; r++ {
			x, gy, gx := row(j.x, r, 2*j.size), row(j.gy, r, j.size), row(j.gx, r, 2*j.size)
			a, b, ga, gb := x[:j.size], x[j.size:], gx[:j.size], gx[j.size:]
			j.Binary[kernel.Mul](gy, a, gb)
			j.UnaryGrad[kernel.GELU](0, b, nil, gb, gb)
			j.Unary[kernel.GELU](0, b, ga)
			j.Binary[kernel.Mul](gy, ga, ga)
		}
	})
}
