package vector

import "github.com/bestiary-ml/bestiary/internal/kernel"

// GroupNormGrad implements kernel.Normalisation; the portable device has the formulas.
//
// With SiLU, the gradient before it is stored in gx, from where the last phase reads it: a store takes less time than a second
// sigmoid.
func (d *Device) GroupNormGrad(g kernel.GroupNorm, x, gamma, beta, mean, rstd, gy, gx, ggamma, gbeta kernel.Buffer) {
	if gy.Len == 0 {
		d.Device.GroupNormGrad(g, x, gamma, beta, mean, rstd, gy, gx, ggamma, gbeta)
		return
	}
	j := d.groupNormJob(g, x, gamma, beta, mean, rstd)
	j.gy, j.gx = f32(gy), f32(gx)
	if j.upstream = j.gy; g.SiLU {
		if j.upstream = j.gx; j.gx == nil { // rare: only the parameters have a gradient
			d.upstream = resize(d.upstream, gy.Len)
			j.upstream = d.upstream
		}
	}
	d.partial = resize(d.partial, 2*g.Pictures*g.Channels)
	j.parameters = d.partial
	for picture := range g.Pictures {
		j.setScales(picture)
	}
	d.runGroupNorm(j)
	gammas, betas := f32(ggamma), f32(gbeta)
	for c := range g.Channels {
		scale, shift := 0.0, 0.0
		for picture := range g.Pictures {
			scale += j.parameters[2*picture*g.Channels+c]
			shift += j.parameters[(2*picture+1)*g.Channels+c]
		}
		if gammas != nil {
			gammas[c] = float32(scale)
		}
		if betas != nil {
			betas[c] = float32(shift)
		}
	}
}

// gradientSums computes Σ g and Σ g·(x − mean) of n pixels by channel, where g is the upstream gradient, which it stores with SiLU.
func (j *groupNormJob) gradientSums(chunk, n int, x, sum, dot []float32) {
	mean, upstream := j.vector(chunk/j.chunks, 0), j.in(j.upstream, chunk)
	if j.SiLU {
		j.simd.NormaliseSiLUGrad(n, x, j.in(j.gy, chunk), mean, j.vector(chunk/j.chunks, 1), j.shift, upstream)
	}
	j.simd.ColumnGradSums(n, x, upstream, mean, sum, dot)
}

// settleGradient combines the sums of a picture's chunks: to the gradients of the parameters, and to the vectors b and c.
func (j *groupNormJob) settleGradient(picture int) {
	width := j.Channels / j.Groups
	alongs, sums := row(j.parameters, 2*picture, j.Channels), row(j.parameters, 2*picture+1, j.Channels)
	clear(alongs)
	clear(sums)
	for i := range j.chunks {
		at := 2 * (picture*j.chunks + i)
		dot := row(j.partial, at+1, j.Channels)
		for c, v := range row(j.partial, at, j.Channels) {
			sums[c] += float64(v)
			alongs[c] += float64(dot[c])
		}
	}
	linear, constant := j.vector(picture, 2), j.vector(picture, 3)
	for g := range j.Groups {
		rstd, total, along := float64(j.rstd[picture*j.Groups+g]), 0.0, 0.0
		for c := g * width; c < (g+1)*width; c++ {
			alongs[c] *= rstd
			gamma := 1.0
			if j.gamma != nil {
				gamma = float64(j.gamma[c])
			}
			total += gamma * sums[c]
			along += gamma * alongs[c]
		}
		count := float64(j.Pixels * width)
		for c := g * width; c < (g+1)*width; c++ {
			linear[c], constant[c] = float32(-rstd*rstd*along/count), float32(-rstd*total/count)
		}
	}
}
