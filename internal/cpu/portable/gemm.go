package portable

import (
	"math"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// Gemm implements kernel.Products.
func (d *Device[F]) Gemm(g kernel.Gemm, a, b, bias, c kernel.Buffer) {
	if c.Len == 0 {
		return
	}
	g.Batch = max(g.Batch, 1)
	d.pool.Run(g.Batch*g.M, func(task, _ int) {
		gemmRow(g, task/g.M, task%g.M, Floats[F](a), Floats[F](b), Floats[F](bias), Floats[F](c))
	})
}

// gemmRow computes row i of product number batch.
func gemmRow[F Float](g kernel.Gemm, batch, i int, a, b, bias, c []F) {
	a, b = a[batch*g.StrideA:], b[batch*g.StrideB:]
	row := c[batch*g.StrideC+i*g.LdC:][:g.N]
	if !g.Accumulate {
		clear(row)
		copy(row, bias)
	}
	for k := range g.K {
		at := i*g.LdA + k
		if g.TransA {
			at = k*g.LdA + i
		}
		left := a[at]
		if g.TransB {
			for j := range row {
				row[j] += left * b[j*g.LdB+k]
			}
		} else {
			for j, right := range b[k*g.LdB:][:g.N] {
				row[j] += left * right
			}
		}
	}
	activate(g.Act, g.Slope, row)
}

// activate applies act to y in place.
func activate[F Float](act kernel.Activation, slope float64, y []F) {
	switch act {
	case kernel.ActReLU:
		for i, v := range y {
			y[i] = max(v, 0)
		}
	case kernel.ActLeakyReLU:
		for i, v := range y {
			if !(v > 0) {
				y[i] = F(slope) * v
			}
		}
	case kernel.ActTanh:
		for i, v := range y {
			y[i] = F(math.Tanh(float64(v)))
		}
	case kernel.ActSigmoid:
		for i, v := range y {
			y[i] = F(1 / (1 + math.Exp(-float64(v))))
		}
	case kernel.ActGELU:
		for i, v := range y {
			y[i] = F(gelu(float64(v)))
		}
	}
}
