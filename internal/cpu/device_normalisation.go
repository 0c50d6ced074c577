package cpu

import "github.com/bestiary-ml/bestiary/internal/kernel"

// channelBlock is the number of channels that a task of a batch normalisation covers.
const channelBlock = 16

// BatchNorm implements kernel.Normalisation.
func (d *Device[F]) BatchNorm(b kernel.BatchNorm, x, gamma, beta, mean, variance, y kernel.Buffer) {
	in, scale, shift, out := floats[F](x), floats[F](gamma), floats[F](beta), floats[F](y)
	means, variances := floats[F](mean), floats[F](variance)
	d.pool.For(b.Channels, channelBlock, func(lo, hi int) {
		batchNormChannels(b, lo, hi, in, scale, shift, means, variances, out)
	})
}

// BatchNormGrad implements kernel.Normalisation.
func (d *Device[F]) BatchNormGrad(b kernel.BatchNorm, x, gamma, mean, variance, y, gy, gVariance, gx, ggamma, gbeta kernel.Buffer) {
	g := batchNormGradient[F]{
		BatchNorm: b,
		x:         floats[F](x), gamma: floats[F](gamma), mean: floats[F](mean), variance: floats[F](variance), y: floats[F](y),
		gy: floats[F](gy), gVariance: floats[F](gVariance),
		gx: floats[F](gx), ggamma: floats[F](ggamma), gbeta: floats[F](gbeta),
	}
	d.pool.For(b.Channels, 1, func(lo, _ int) { g.channel(lo) })
}

// LayerNorm implements kernel.Normalisation.
func (d *Device[F]) LayerNorm(rows, n int, eps float64, x, gamma, beta, y, mean, rstd kernel.Buffer) {
	in, scale, shift, out := floats[F](x), floats[F](gamma), floats[F](beta), floats[F](y)
	means, rstds := floats[F](mean), floats[F](rstd)
	d.pool.For(rows, max(1, grain/n), func(lo, hi int) {
		for r := lo; r < hi; r++ {
			means[r], rstds[r] = layerNormRow(eps, in[r*n:][:n], scale, shift, out[r*n:][:n])
		}
	})
}

// LayerNormGrad implements kernel.Normalisation.
func (d *Device[F]) LayerNormGrad(rows, n int, x, gamma, mean, rstd, gy, gx, ggamma, gbeta kernel.Buffer) {
	in, scale, up, down := floats[F](x), floats[F](gamma), floats[F](gy), floats[F](gx)
	means, rstds := floats[F](mean), floats[F](rstd)
	d.pool.For(rows, max(1, grain/n), func(lo, hi int) {
		for r := lo; r < hi; r++ {
			layerNormGradRow(in[r*n:][:n], scale, means[r], rstds[r], up[r*n:][:n], down[r*n:][:n])
		}
	})
	gammas, betas := floats[F](ggamma), floats[F](gbeta)
	d.pool.For(n, channelBlock, func(lo, hi int) {
		layerNormGradColumns(lo, hi, rows, n, in, means, rstds, up, gammas, betas)
	})
}
