package portable

import (
	"math"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// LayerNorm implements kernel.Normalisation.
func (d *Device[F]) LayerNorm(rows, n int, eps float64, x, gamma, beta, y, mean, rstd kernel.Buffer) {
	in, scale, shift, out := Floats[F](x), Floats[F](gamma), Floats[F](beta), Floats[F](y)
	means, rstds := Floats[F](mean), Floats[F](rstd)
	d.pool.For(rows, max(1, Grain/n), func(lo, hi int) {
		for r := lo; r < hi; r++ {
			means[r], rstds[r] = layerNormRow(eps, in[r*n:][:n], GroupRow(scale, r, rows, n), GroupRow(shift, r, rows, n), out[r*n:][:n])
		}
	})
}

func layerNormRow[F Float](eps float64, x, gamma, beta, y []F) (mean, rstd F) {
	average := sum(x) / float64(len(x))
	squares := 0.0
	for _, v := range x {
		deviation := float64(v) - average
		squares += deviation * deviation
	}
	scale := 1 / math.Sqrt(squares/float64(len(x))+eps)
	for i, v := range x {
		y[i] = F((float64(v) - average) * scale)
		if gamma != nil {
			y[i] *= gamma[i]
		}
		if beta != nil {
			y[i] += beta[i]
		}
	}
	return F(average), F(scale)
}

// LayerNormGrad implements kernel.Normalisation.
func (d *Device[F]) LayerNormGrad(rows, n int, x, gamma, mean, rstd, gy, gx, ggamma, gbeta kernel.Buffer) {
	in, scale, up, down := Floats[F](x), Floats[F](gamma), Floats[F](gy), Floats[F](gx)
	means, rstds := Floats[F](mean), Floats[F](rstd)
	d.pool.For(rows, max(1, Grain/n), func(lo, hi int) {
		for r := lo; r < hi; r++ {
			layerNormGradRow(in[r*n:][:n], scale, means[r], rstds[r], up[r*n:][:n], down[r*n:][:n])
		}
	})
	gammas, betas := Floats[F](ggamma), Floats[F](gbeta)
	d.pool.For(n, channelBlock, func(lo, hi int) {
		layerNormGradColumns(lo, hi, rows, n, in, means, rstds, up, gammas, betas)
	})
}

func layerNormGradRow[F Float](x, gamma []F, mean, rstd F, gy, gx []F) {
	total, dot := 0.0, 0.0
	up := func(i int) float64 {
		if gamma == nil {
			return float64(gy[i])
		}
		return float64(gy[i]) * float64(gamma[i])
	}
	for i := range x {
		total += up(i)
		dot += up(i) * float64((x[i]-mean)*rstd)
	}
	n := float64(len(x))
	for i := range x {
		gx[i] = F(float64(rstd) * (up(i) - total/n - float64((x[i]-mean)*rstd)*dot/n))
	}
}

// layerNormGradColumns computes columns [lo, hi) of the parameters' gradients.
func layerNormGradColumns[F Float](lo, hi, rows, n int, x, mean, rstd, gy, ggamma, gbeta []F) {
	for c := lo; c < hi; c++ {
		scale, shift := 0.0, 0.0
		for r := range rows {
			g := float64(gy[r*n+c])
			scale += g * float64((x[r*n+c]-mean[r])*rstd[r])
			shift += g
		}
		if ggamma != nil {
			ggamma[c] = F(scale)
		}
		if gbeta != nil {
			gbeta[c] = F(shift)
		}
	}
}
