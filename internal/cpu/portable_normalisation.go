package cpu

import (
	"math"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// divisor of the sum of squared deviations.
func divisor(b kernel.BatchNorm) float64 {
	if b.Unbiased {
		return float64(b.Rows - 1)
	}
	return float64(b.Rows)
}

// runningUpdate moves running statistics towards those of a batch for channels [lo, hi).
func runningUpdate[F Float](b kernel.BatchNorm, lo, hi int, mean, variance []F) {
	if b.Fixed || b.Running.Mean.IsNil() {
		return
	}
	runningMean, runningVariance, weight := floats[F](b.Running.Mean), floats[F](b.Running.Variance), F(b.Running.Weight)
	unbias := F(divisor(b) / float64(b.Rows-1))
	for c := lo; c < hi; c++ {
		runningMean[c] += weight * (mean[c] - runningMean[c])
		runningVariance[c] += weight * (unbias*variance[c] - runningVariance[c])
	}
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
			mean[c], variance[c] = F(average), F(squares/divisor(b))
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
	runningUpdate(b, lo, hi, mean, variance)
	for at := 0; b.Act != kernel.NoActivation && at < len(y); at += b.Channels {
		activate(b.Act, b.Slope, y[at+lo:at+hi])
	}
}

// batchNormLogDet is Σ (gamma − ½·log(variance + Eps)).
func batchNormLogDet[F Float](eps float64, gamma, variance []F) float64 {
	sum := 0.0
	for c, v := range variance {
		sum += float64(gamma[c]) - 0.5*math.Log(float64(v)+eps)
	}
	return sum
}

// batchNormGradient holds the arguments of kernel.Normalisation.BatchNormGrad.
type batchNormGradient[F Float] struct {
	kernel.BatchNorm
	x, gamma, mean, variance, y, gy, gLogDet []F
	gx, ggamma, gbeta                        []F
}

// upstream is the gradient at the normalisation's result, before the activation.
func (g *batchNormGradient[F]) upstream(at int) float64 {
	if g.Act == kernel.NoActivation {
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
// where d is the variance's divisor; with fixed statistics gx = gamma·rstd·g. The logarithm of gamma has the gradient
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
	average, along, spread := sum/float64(g.Rows), dot/divisor(g.BatchNorm), -logDet*rstd*rstd/divisor(g.BatchNorm)
	if g.Fixed {
		average, along, spread = 0, 0, 0
	}
	for at := c; at < len(g.x); at += g.Channels {
		deviation := float64(g.x[at]) - mean
		g.gx[at] = F(scale*(g.upstream(at)-average-deviation*rstd*along) + spread*deviation)
	}
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
