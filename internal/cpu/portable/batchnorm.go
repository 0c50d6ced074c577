package portable

import (
	"math"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// channelBlock is the number of channels that a task of a batch normalisation covers.
const channelBlock = 16

// BatchNorm implements kernel.Normalisation.
func (d *Device[F]) BatchNorm(b kernel.BatchNorm, x, gamma, beta, mean, variance, y kernel.Buffer) {
	in, scale, shift, out := Floats[F](x), Floats[F](gamma), Floats[F](beta), Floats[F](y)
	means, variances := Floats[F](mean), Floats[F](variance)
	d.pool.For(b.Channels, channelBlock, func(lo, hi int) {
		batchNormChannels(b, lo, hi, in, scale, shift, means, variances, out)
	})
}

// batchNormChannels normalises channels [lo, hi).
func batchNormChannels[F Float](b kernel.BatchNorm, lo, hi int, x, gamma, beta, mean, variance, y []F) {
	for c := lo; c < hi; c++ {
		if !b.Fixed {
			total := 0.0
			for at := c; at < len(x); at += b.Channels {
				total += float64(x[at])
			}
			average := total / float64(b.Rows)
			squares := 0.0
			for at := c; at < len(x); at += b.Channels {
				deviation := float64(x[at]) - average
				squares += deviation * deviation
			}
			mean[c], variance[c] = F(average), F(squares/VarianceDivisor(b))
		}
		scale, shift := F(1), F(0)
		if gamma != nil {
			scale = gamma[c]
			if b.LogGamma {
				scale = F(math.Exp(float64(scale)))
			}
		}
		if beta != nil {
			shift = beta[c]
		}
		scale *= F(1 / math.Sqrt(float64(variance[c])+b.Eps))
		for at := c; at < len(x); at += b.Channels {
			y[at] = (x[at]-mean[c])*scale + shift
		}
	}
	UpdateRunning(b, lo, hi, mean, variance)
	for at := 0; b.Act != kernel.ActNone && at < len(y); at += b.Channels {
		activate(b.Act, b.Slope, y[at+lo:at+hi])
	}
}

// VarianceDivisor divides the sum of squared deviations: Rows, or Rows−1 when Unbiased.
func VarianceDivisor(b kernel.BatchNorm) float64 {
	if b.Unbiased {
		return float64(b.Rows - 1)
	}
	return float64(b.Rows)
}

// UpdateRunning updates the running statistics of channels [lo, hi) with those of a batch.
func UpdateRunning[F Float](b kernel.BatchNorm, lo, hi int, mean, variance []F) {
	if b.Fixed || b.Running.Mean.IsNil() {
		return
	}
	runningMean, runningVariance, momentum := Floats[F](b.Running.Mean), Floats[F](b.Running.Variance), F(b.Running.Momentum)
	unbias := F(VarianceDivisor(b) / float64(b.Rows-1))
	for c := lo; c < hi; c++ {
		runningMean[c] += momentum * (mean[c] - runningMean[c])
		runningVariance[c] += momentum * (unbias*variance[c] - runningVariance[c])
	}
}

// BatchNormLogDet implements kernel.Normalisation.
func (d *Device[F]) BatchNormLogDet(b kernel.BatchNorm, gamma, variance, before, logDet kernel.Buffer) {
	sum := F(batchNormLogDet(b.Eps, Floats[F](gamma), Floats[F](variance)))
	if !before.IsNil() {
		sum += Floats[F](before)[0]
	}
	Floats[F](logDet)[0] = sum
}

// batchNormLogDet is Σ (gamma − ½·log(variance + Eps)).
func batchNormLogDet[F Float](eps float64, gamma, variance []F) float64 {
	sum := 0.0
	for c, v := range variance {
		sum += float64(gamma[c]) - 0.5*math.Log(float64(v)+eps)
	}
	return sum
}

// BatchNormGrad implements kernel.Normalisation.
func (d *Device[F]) BatchNormGrad(b kernel.BatchNorm, x, gamma, mean, variance, y, gy, gLogDet, gx, ggamma, gbeta kernel.Buffer) {
	g := batchNormGradient[F]{
		BatchNorm: b,
		x:         Floats[F](x), gamma: Floats[F](gamma), mean: Floats[F](mean), variance: Floats[F](variance), y: Floats[F](y),
		gy: Floats[F](gy), gLogDet: Floats[F](gLogDet),
		gx: Floats[F](gx), ggamma: Floats[F](ggamma), gbeta: Floats[F](gbeta),
	}
	d.pool.For(b.Channels, 1, func(lo, _ int) { g.channel(lo) })
}

// batchNormGradient holds the arguments of kernel.Normalisation.BatchNormGrad.
type batchNormGradient[F Float] struct {
	kernel.BatchNorm
	x, gamma, mean, variance, y, gy, gLogDet []F
	gx, ggamma, gbeta                        []F
}

// upstream is the gradient at the normalisation's result, before the activation.
func (g *batchNormGradient[F]) upstream(at int) float64 {
	if g.Act == kernel.ActNone {
		return float64(g.gy[at])
	}
	var one [1]F
	activationGrad(g.Act, F(g.Slope), g.y[at:at+1], g.gy[at:at+1], one[:])
	return float64(one[0])
}

// channel computes the gradients of channel c. With x̂ = (x − mean)·rstd and g the upstream gradient,
//
//	gbeta = Σ g    ggamma = Σ g·x̂
//	gx = gamma·rstd·(g − Σg/n − x̂·Σ(g·x̂)/d) − gLogDet·rstd²·(x − mean)/d
//
// where d is the divisor of the variance; with fixed statistics gx = gamma·rstd·g. The logarithm of gamma has the gradient
// gamma·Σ g·x̂ + gLogDet.
func (g *batchNormGradient[F]) channel(c int) {
	mean, rstd := float64(g.mean[c]), 1/math.Sqrt(float64(g.variance[c])+g.Eps)
	sum, dot := 0.0, 0.0
	for at := c; at < len(g.x); at += g.Channels {
		up := g.upstream(at)
		sum += up
		dot += up * (float64(g.x[at]) - mean) * rstd
	}
	gamma, logDet := 1.0, 0.0
	if g.gamma != nil {
		gamma = float64(g.gamma[c])
		if g.LogGamma {
			gamma = math.Exp(gamma)
		}
	}
	if g.gLogDet != nil {
		logDet = float64(g.gLogDet[0])
	}
	if g.ggamma != nil {
		g.ggamma[c] = F(dot)
		if g.LogGamma {
			g.ggamma[c] = F(gamma*dot + logDet)
		}
	}
	if g.gbeta != nil {
		g.gbeta[c] = F(sum)
	}
	if g.gx == nil {
		return
	}
	scale := gamma * rstd
	average, along, spread := sum/float64(g.Rows), dot/VarianceDivisor(g.BatchNorm), -logDet*rstd*rstd/VarianceDivisor(g.BatchNorm)
	if g.Fixed {
		average, along, spread = 0, 0, 0
	}
	for at := c; at < len(g.x); at += g.Channels {
		deviation := float64(g.x[at]) - mean
		g.gx[at] = F(scale*(g.upstream(at)-average-deviation*rstd*along) + spread*deviation)
	}
}
