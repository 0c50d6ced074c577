package portable

import (
	"math"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// GroupNorm implements kernel.Normalisation.
func (d *Device[F]) GroupNorm(g kernel.GroupNorm, x, gamma, beta, y, mean, rstd kernel.Buffer) {
	n := groupNorm[F]{GroupNorm: g, x: Floats[F](x), gamma: Floats[F](gamma), beta: Floats[F](beta), mean: Floats[F](mean), rstd: Floats[F](rstd)}
	out := Floats[F](y)
	d.pool.For(g.Pictures*g.Groups, 1, func(lo, _ int) {
		n.statistics(lo)
		n.each(lo, func(at, c int) {
			v := n.normal(lo, at, c)
			if g.SiLU {
				v *= sigmoid(v)
			}
			out[at] = F(v)
		})
	})
}

// groupNorm holds arguments of kernel.Normalisation.GroupNorm and its adjoint.
type groupNorm[F Float] struct {
	kernel.GroupNorm
	x, gamma, beta, mean, rstd []F
}

// each calls f for the elements of a group, with their channel. Groups are numbered picture by picture.
func (n *groupNorm[F]) each(group int, f func(at, channel int)) {
	width := n.Channels / n.Groups
	picture, first := group/n.Groups*n.Pixels*n.Channels, group%n.Groups*width
	for pixel := range n.Pixels {
		for c := first; c < first+width; c++ {
			f(picture+pixel*n.Channels+c, c)
		}
	}
}

// count is the number of elements of a group.
func (n *groupNorm[F]) count() float64 { return float64(n.Pixels * (n.Channels / n.Groups)) }

// statistics measures the mean and the reciprocal standard deviation of a group.
func (n *groupNorm[F]) statistics(group int) {
	total, squares := 0.0, 0.0
	n.each(group, func(at, _ int) { total += float64(n.x[at]) })
	average := total / n.count()
	n.each(group, func(at, _ int) {
		deviation := float64(n.x[at]) - average
		squares += deviation * deviation
	})
	n.mean[group], n.rstd[group] = F(average), F(1/math.Sqrt(squares/n.count()+n.Eps))
}

// centred is x̂ = (x − mean)·rstd.
func (n *groupNorm[F]) centred(group, at int) float64 {
	return (float64(n.x[at]) - float64(n.mean[group])) * float64(n.rstd[group])
}

// scale is gamma, or 1.
func (n *groupNorm[F]) scale(c int) float64 {
	if n.gamma == nil {
		return 1
	}
	return float64(n.gamma[c])
}

// normal is x̂·gamma + beta.
func (n *groupNorm[F]) normal(group, at, c int) float64 {
	v := n.centred(group, at) * n.scale(c)
	if n.beta != nil {
		v += float64(n.beta[c])
	}
	return v
}

// GroupNormGrad implements kernel.Normalisation.
func (d *Device[F]) GroupNormGrad(g kernel.GroupNorm, x, gamma, beta, mean, rstd, gy, gx, ggamma, gbeta kernel.Buffer) {
	n := groupNorm[F]{GroupNorm: g, x: Floats[F](x), gamma: Floats[F](gamma), beta: Floats[F](beta), mean: Floats[F](mean), rstd: Floats[F](rstd)}
	up, down := Floats[F](gy), Floats[F](gx)
	if down != nil {
		d.pool.For(g.Pictures*g.Groups, 1, func(lo, _ int) { n.inputGradient(lo, up, down) })
	}
	gammas, betas := Floats[F](ggamma), Floats[F](gbeta)
	d.pool.For(g.Channels, 1, func(lo, _ int) { n.parameterGradient(lo, up, gammas, betas) })
}

// upstream is the gradient of x̂·gamma + beta.
func (n *groupNorm[F]) upstream(gy []F, group, at, c int) float64 {
	if !n.SiLU {
		return float64(gy[at])
	}
	return float64(gy[at]) * derivative(kernel.SiLU, 0, n.normal(group, at, c), 0)
}

// inputGradient computes gx of a group of m elements. With g the upstream gradient times gamma,
//
//	gx = rstd·(g − Σg/m − x̂·Σ(g·x̂)/m)
func (n *groupNorm[F]) inputGradient(group int, gy, gx []F) {
	total, dot := 0.0, 0.0
	n.each(group, func(at, c int) {
		g := n.upstream(gy, group, at, c) * n.scale(c)
		total += g
		dot += g * n.centred(group, at)
	})
	total, dot = total/n.count(), dot/n.count()
	n.each(group, func(at, c int) {
		g := n.upstream(gy, group, at, c) * n.scale(c)
		gx[at] = F(float64(n.rstd[group]) * (g - total - n.centred(group, at)*dot))
	})
}

// parameterGradient computes the gradients of gamma and beta of channel c.
func (n *groupNorm[F]) parameterGradient(c int, gy, ggamma, gbeta []F) {
	scale, shift := 0.0, 0.0
	for picture := range n.Pictures {
		group := picture*n.Groups + c/(n.Channels/n.Groups)
		for pixel := range n.Pixels {
			at := (picture*n.Pixels+pixel)*n.Channels + c
			g := n.upstream(gy, group, at, c)
			scale += g * n.centred(group, at)
			shift += g
		}
	}
	if ggamma != nil {
		ggamma[c] = F(scale)
	}
	if gbeta != nil {
		gbeta[c] = F(shift)
	}
}
