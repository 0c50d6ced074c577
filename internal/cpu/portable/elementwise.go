package portable

import (
	"math"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// Fill implements kernel.Elementwise.
func (d *Device[F]) Fill(y kernel.Buffer, value float64) {
	out := Floats[F](y)
	d.pool.For(len(out), Grain, func(lo, hi int) {
		part := out[lo:hi]
		for i := range part {
			part[i] = F(value)
		}
	})
}

// AddScaled implements kernel.Elementwise.
func (d *Device[F]) AddScaled(a float64, x, y kernel.Buffer) {
	in, out := Floats[F](x), Floats[F](y)
	d.pool.For(len(out), Grain, func(lo, hi int) {
		dst, scale := out[lo:hi], F(a)
		for i, v := range in[lo:hi] {
			dst[i] += scale * v
		}
	})
}

// AddProduct implements kernel.Elementwise.
func (d *Device[F]) AddProduct(rows, n int, x, y, s, out kernel.Buffer) {
	xs, ys, factors, sums := Floats[F](x), Floats[F](y), Floats[F](s), Floats[F](out)
	d.pool.For(rows, max(1, Grain/max(1, n)), func(lo, hi int) {
		for r := lo; r < hi; r++ {
			x, y, sum := Row(xs, r, n), Row(ys, r, n), Row(sums, r, n)
			for i, factor := range GroupRow(factors, r, rows, n) {
				product := y[i] * factor // rounded by itself
				sum[i] = x[i] + product
			}
		}
	})
}

// ActivationGrad implements kernel.Elementwise.
func (d *Device[F]) ActivationGrad(act kernel.Activation, slope float64, y, gy, gx kernel.Buffer) {
	out, up, down := Floats[F](y), Floats[F](gy), Floats[F](gx)
	d.pool.For(len(down), Grain, func(lo, hi int) {
		activationGrad(act, F(slope), out[lo:hi], up[lo:hi], down[lo:hi])
	})
}

func activationGrad[F Float](act kernel.Activation, slope F, y, gy, gx []F) {
	switch act {
	case kernel.ActNone:
		copy(gx, gy)
	case kernel.ActReLU, kernel.ActLeakyReLU:
		if act == kernel.ActReLU {
			slope = 0
		}
		for i, g := range gy {
			if !(y[i] > 0) {
				g *= slope
			}
			gx[i] = g
		}
	case kernel.ActTanh:
		for i, g := range gy {
			gx[i] = g * (1 - y[i]*y[i])
		}
	case kernel.ActSigmoid:
		for i, g := range gy {
			gx[i] = g * y[i] * (1 - y[i])
		}
	}
}

// PairLoss implements kernel.Elementwise.
func (d *Device[F]) PairLoss(loss kernel.PairLoss, beta, scale float64, a, b, out kernel.Buffer) {
	left, right := Floats[F](a), Floats[F](b)
	sum := d.sumChunks(len(left), func(lo, hi int) float64 { return pairLoss(loss, beta, left[lo:hi], right[lo:hi]) })
	Floats[F](out)[0] = F(scale * sum)
}

func pairLoss[F Float](loss kernel.PairLoss, beta float64, a, b []F) float64 {
	sum := 0.0
	for i := range a {
		d := float64(a[i] - b[i])
		if loss == kernel.SmoothL1 {
			if d = math.Abs(d); d < beta {
				sum += 0.5 * d * d / beta
			} else {
				sum += d - 0.5*beta
			}
			continue
		}
		sum += d * d
	}
	return sum
}

// PairLossGrad implements kernel.Elementwise.
func (d *Device[F]) PairLossGrad(loss kernel.PairLoss, beta, scale float64, a, b, g, ga kernel.Buffer) {
	left, right, down := Floats[F](a), Floats[F](b), Floats[F](ga)
	factor := F(scale) * Floats[F](g)[0]
	d.pool.For(len(down), Grain, func(lo, hi int) {
		pairLossGrad(loss, F(beta), factor, left[lo:hi], right[lo:hi], down[lo:hi])
	})
}

func pairLossGrad[F Float](loss kernel.PairLoss, beta, factor F, a, b, ga []F) {
	for i := range a {
		d := a[i] - b[i]
		if loss == kernel.SmoothL1 {
			d = max(-1, min(1, d/beta)) // NaN stays NaN
		} else {
			d *= 2
		}
		ga[i] = factor * d
	}
}
