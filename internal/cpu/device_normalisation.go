package cpu

import "github.com/bestiary-ml/bestiary/internal/kernel"

// channelBlock is the number of channels that a task of a batch normalisation covers.
const channelBlock = 16

// BatchNorm implements kernel.Normalisation.
func (d *Device[F]) BatchNorm(b kernel.BatchNorm, x, gamma, beta, mean, variance, y kernel.Buffer) {
	if d.passes != nil {
		d.passes.batchNorm(b, f32(x), f32(gamma), f32(beta), f32(mean), f32(variance), f32(y))
		return
	}
	in, scale, shift, out := floats[F](x), floats[F](gamma), floats[F](beta), floats[F](y)
	means, variances := floats[F](mean), floats[F](variance)
	d.pool.For(b.Channels, channelBlock, func(lo, hi int) {
		batchNormChannels(b, lo, hi, in, scale, shift, means, variances, out)
	})
}

// BatchNormLogDet implements kernel.Normalisation.
func (d *Device[F]) BatchNormLogDet(b kernel.BatchNorm, gamma, variance, before, logDet kernel.Buffer) {
	var sum F
	if d.passes != nil {
		sum = F(d.passes.batchNormLogDet(b, f32(gamma), f32(variance)))
	} else {
		sum = F(batchNormLogDet(b.Eps, floats[F](gamma), floats[F](variance)))
	}
	if !before.IsNil() {
		sum += floats[F](before)[0]
	}
	floats[F](logDet)[0] = sum
}

// BatchNormGrad implements kernel.Normalisation.
func (d *Device[F]) BatchNormGrad(b kernel.BatchNorm, x, gamma, mean, variance, y, gy, gLogDet, gx, ggamma, gbeta kernel.Buffer) {
	if act := b.Act == kernel.Tanh || b.Act == kernel.Sigmoid; d.passes != nil && !(act && gx.IsNil()) {
		d.passes.batchNormGrad(batchNormGradient[float32]{
			BatchNorm: b,
			x:         f32(x), gamma: f32(gamma), mean: f32(mean), variance: f32(variance), y: f32(y),
			gy: f32(gy), gLogDet: f32(gLogDet),
			gx: f32(gx), ggamma: f32(ggamma), gbeta: f32(gbeta),
		})
		return
	}
	g := batchNormGradient[F]{
		BatchNorm: b,
		x:         floats[F](x), gamma: floats[F](gamma), mean: floats[F](mean), variance: floats[F](variance), y: floats[F](y),
		gy: floats[F](gy), gLogDet: floats[F](gLogDet),
		gx: floats[F](gx), ggamma: floats[F](ggamma), gbeta: floats[F](gbeta),
	}
	d.pool.For(b.Channels, 1, func(lo, _ int) { g.channel(lo) })
}

// LayerNorm implements kernel.Normalisation.
func (d *Device[F]) LayerNorm(rows, n int, eps float64, x, gamma, beta, y, mean, rstd kernel.Buffer) {
	if d.passes != nil {
		d.passes.layerNorm(rows, n, float32(eps), f32(x), f32(gamma), f32(beta), f32(y), f32(mean), f32(rstd))
		return
	}
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
	if d.passes != nil {
		d.passes.layerNormGrad(rows, n, f32(x), f32(gamma), f32(mean), f32(rstd), f32(gy), f32(gx), f32(ggamma), f32(gbeta))
		return
	}
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
