package cpu

import (
	"math"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// batchRows is the number of rows of a chunk: their numbers stay in the level-2 cache between two looks at them.
func batchRows(b kernel.BatchNorm) int {
	return min(max(1, b.Rows), chunkRows, max(1, grain/max(1, b.Channels)))
}

// vectors returns n vectors of scratch by channel.
func (p *passes) vectors(channels, n int) []float32 {
	p.scratch = resize(p.scratch, n*channels)
	return p.scratch
}

// batchNorm is kernel.Normalisation.BatchNorm.
func (p *passes) batchNorm(b kernel.BatchNorm, x, gamma, beta, mean, variance, y []float32) {
	if !b.Fixed {
		p.batchStatistics(b, x, mean, variance)
	}
	runningUpdate(b, 0, b.Channels, mean, variance)
	vectors := p.vectors(b.Channels, 3)
	scale, shift := row(vectors, 0, b.Channels), row(vectors, 1, b.Channels)
	gamma = p.scales(b, gamma, row(vectors, 2, b.Channels))
	for c := range scale {
		rstd := 1 / math.Sqrt(float64(variance[c])+b.Eps)
		if gamma != nil {
			rstd *= float64(gamma[c])
		}
		scale[c], shift[c] = float32(rstd), 0
	}
	copy(shift, beta)
	j := job{norm: b, size: b.Channels, x: x, mean: mean, scale: scale, shift: shift, y: y}
	p.overRows(b.Rows, b.Channels, j, func(j *job, lo, hi int) {
		x, y := j.x[lo*j.size:hi*j.size], j.y[lo*j.size:hi*j.size]
		switch j.norm.Act {
		case kernel.ReLU:
			j.NormaliseReLU(hi-lo, x, j.mean, j.scale, j.shift, y)
			return
		case kernel.LeakyReLU:
			j.NormaliseLeaky(hi-lo, float32(j.norm.Slope), x, j.mean, j.scale, j.shift, y)
			return
		}
		j.Normalise(hi-lo, x, j.mean, j.scale, j.shift, y)
		switch j.norm.Act {
		case kernel.Tanh:
			j.Unary[kernel.TanhOf](0, y, y)
		case kernel.Sigmoid:
			j.Unary[kernel.SigmoidOf](0, y, y)
		}
	})
}

// scales is gamma, or what it holds the logarithms of, in scratch.
func (p *passes) scales(b kernel.BatchNorm, gamma, scratch []float32) []float32 {
	if gamma == nil || !b.LogGamma {
		return gamma
	}
	p.Unary[kernel.Exp](0, gamma, scratch)
	return scratch
}

// batchNormLogDet is kernel.Normalisation.BatchNormLogDet, without what was before.
func (p *passes) batchNormLogDet(b kernel.BatchNorm, gamma, variance []float32) float64 {
	logs := p.vectors(b.Channels, 1)
	p.Unary[kernel.AddScalar](float32(b.Eps), variance, logs)
	p.Unary[kernel.Log](0, logs, logs)
	return p.Sum(gamma) - 0.5*p.Sum(logs)
}

// batchStatistics measures mean and variance in one pass over memory: each chunk of rows is centred on its own mean
// while it is in the cache, and the chunks are combined by the parallel-axis theorem (Chan, Golub & LeVeque, 1979):
//
//	Σ(x − mean)² = Σ over chunks of [Σ(x − meanᵢ)² + rowsᵢ·(meanᵢ − mean)²]
func (p *passes) batchStatistics(b kernel.BatchNorm, x, mean, variance []float32) {
	rows := batchRows(b)
	chunks := (b.Rows + rows - 1) / rows
	p.columns = resize(p.columns, 2*chunks*b.Channels) // of each chunk means, then squares
	p.each(b.Rows, rows, job{size: b.Channels, x: x}, func(j *job, lo, hi int) {
		at := lo / j.grain * 2
		average, squares := row(j.columns, at, j.size), row(j.columns, at+1, j.size)
		x := j.x[lo*j.size : hi*j.size]
		j.ColumnSums(hi-lo, x, average)
		j.Unary[kernel.Scale](1/float32(hi-lo), average, average)
		j.ColumnSquares(hi-lo, x, average, squares)
	})
	p.partial = resize(p.partial, 2*b.Channels)
	average, squares := p.partial[:b.Channels], p.partial[b.Channels:]
	clear(p.partial)
	each := func(f func(rows float64, mean, square []float32)) {
		for i := range chunks {
			f(float64(min(rows, b.Rows-i*rows)), row(p.columns, 2*i, b.Channels), row(p.columns, 2*i+1, b.Channels))
		}
	}
	each(func(rows float64, mean, _ []float32) {
		for c, v := range mean {
			average[c] += rows * float64(v)
		}
	})
	for c := range average {
		average[c] /= float64(b.Rows)
	}
	each(func(rows float64, mean, square []float32) {
		for c, v := range mean {
			deviation := float64(v) - average[c]
			squares[c] += float64(square[c]) + rows*deviation*deviation
		}
	})
	for c := range average {
		mean[c], variance[c] = float32(average[c]), float32(squares[c]/divisor(b))
	}
}

// batchNormGrad is kernel.Normalisation.BatchNormGrad; batchNormGradient has the formulas. gx may be nil if the
// activation is none, ReLU or LeakyReLU.
func (p *passes) batchNormGrad(g batchNormGradient[float32]) {
	b, gy := g.BatchNorm, g.gy
	if b.Act == kernel.Tanh || b.Act == kernel.Sigmoid {
		p.activationGrad(b.Act, b.Slope, g.y, gy, g.gx)
		gy, b.Act = g.gx, kernel.NoActivation
	}
	if b.Act != kernel.LeakyReLU {
		b.Slope = 0
	}
	rows := batchRows(b)
	chunks := (b.Rows + rows - 1) / rows
	p.columns = resize(p.columns, 2*chunks*b.Channels) // of each chunk Σ g, then Σ g·(x − mean)
	j := job{norm: b, size: b.Channels, x: g.x, y: g.y, gy: gy, gx: g.gx, mean: g.mean}
	p.each(b.Rows, rows, j, func(j *job, lo, hi int) {
		at := lo / j.grain * 2
		sum, dot := row(j.columns, at, j.size), row(j.columns, at+1, j.size)
		x, gy := j.x[lo*j.size:hi*j.size], j.gy[lo*j.size:hi*j.size]
		if j.norm.Act == kernel.NoActivation {
			j.ColumnGradSums(hi-lo, x, gy, j.mean, sum, dot)
			return
		}
		j.ColumnGradSumsLeaky(hi-lo, float32(j.norm.Slope), x, j.y[lo*j.size:hi*j.size], gy, j.mean, sum, dot)
	})
	p.partial = resize(p.partial, 2*b.Channels)
	addColumns(p.columns, p.partial)
	sum, dot := p.partial[:b.Channels], p.partial[b.Channels:]

	vectors := p.vectors(b.Channels, 4)
	j.s, j.t, j.g = row(vectors, 0, b.Channels), row(vectors, 1, b.Channels), row(vectors, 2, b.Channels)
	gamma, logDet := p.scales(b, g.gamma, row(vectors, 3, b.Channels)), 0.0
	if g.gLogDet != nil {
		logDet = float64(g.gLogDet[0])
	}
	for c := range sum {
		rstd := 1 / math.Sqrt(float64(g.variance[c])+b.Eps)
		along := dot[c] * rstd
		factor := 1.0
		if gamma != nil {
			factor = float64(gamma[c])
		}
		if g.ggamma != nil {
			g.ggamma[c] = float32(along)
			if b.LogGamma {
				g.ggamma[c] = float32(factor*along + logDet)
			}
		}
		if g.gbeta != nil {
			g.gbeta[c] = float32(sum[c])
		}
		scale := factor * rstd
		j.s[c], j.t[c], j.g[c] = float32(scale), 0, 0
		if b.Fixed {
			continue
		}
		slope := -(scale*along + logDet*rstd) * rstd / divisor(b)
		j.t[c], j.g[c] = float32(slope), float32(-scale*sum[c]/float64(b.Rows))
	}
	if g.gx == nil {
		return
	}
	p.overRows(b.Rows, b.Channels, j, func(j *job, lo, hi int) {
		x, gy, gx := j.x[lo*j.size:hi*j.size], j.gy[lo*j.size:hi*j.size], j.gx[lo*j.size:hi*j.size]
		if j.norm.Act == kernel.NoActivation {
			j.NormaliseGrad(hi-lo, x, gy, j.mean, j.s, j.t, j.g, gx)
			return
		}
		j.NormaliseGradLeaky(hi-lo, float32(j.norm.Slope), x, j.y[lo*j.size:hi*j.size], gy, j.mean, j.s, j.t, j.g, gx)
	})
}

// orFill is v, or n times value in scratch vector number i where v is nil.
func (p *passes) orFill(v []float32, i, n int, value float32) []float32 {
	if v == nil {
		v = row(p.scratch, i, n)
		p.Fill(value, v)
	}
	return v
}

// layerNorm is kernel.Normalisation.LayerNorm.
func (p *passes) layerNorm(rows, n int, eps float32, x, gamma, beta, y, mean, rstd []float32) {
	p.vectors(n, 2)
	j := job{size: n, a: eps, x: x, y: y, mean: mean, rstd: rstd, gamma: p.orFill(gamma, 0, n, 1), beta: p.orFill(beta, 1, n, 0)}
	p.overRows(rows, n, j, func(j *job, lo, hi int) {
		for r := lo; r < hi; r++ {
			x := row(j.x, r, j.size)
			average := float32(j.Sum(x) / float64(j.size))
			squares := j.CentredSquares(average, x)
			scale := float32(1 / math.Sqrt(squares/float64(j.size)+float64(j.a)))
			j.NormaliseRow(average, scale, x, j.gamma, j.beta, row(j.y, r, j.size))
			j.mean[r], j.rstd[r] = average, scale
		}
	})
}

// layerNormGrad is kernel.Normalisation.LayerNormGrad.
func (p *passes) layerNormGrad(rows, n int, x, gamma, mean, rstd, gy, gx, ggamma, gbeta []float32) {
	p.vectors(n, 1)
	j := job{size: n, rows: min(max(1, rows), chunkRows, max(1, grain/n)), x: x, mean: mean, rstd: rstd, gy: gy, gx: gx,
		gamma: p.orFill(gamma, 0, n, 1)}
	chunks := (rows + j.rows - 1) / j.rows
	p.columns = resize(p.columns, 2*chunks*n) // of each chunk the gradients of gamma, then of beta
	p.each(rows, j.rows, j, func(j *job, lo, hi int) {
		at := lo / j.grain * 2
		ggamma, gbeta := row(j.columns, at, j.size), row(j.columns, at+1, j.size)
		clear(ggamma)
		clear(gbeta)
		for r := lo; r < hi; r++ {
			x, gy := row(j.x, r, j.size), row(j.gy, r, j.size)
			sum, dot := j.NormaliseRowSums(j.mean[r], j.rstd[r], x, j.gamma, gy, ggamma, gbeta)
			n := float64(j.size)
			j.NormaliseRowGrad(j.mean[r], j.rstd[r], float32(sum/n), float32(dot/n), x, j.gamma, gy, row(j.gx, r, j.size))
		}
	})
	p.partial = resize(p.partial, 2*n)
	addColumns(p.columns, p.partial)
	for c := range n {
		if ggamma != nil {
			ggamma[c] = float32(p.partial[c])
		}
		if gbeta != nil {
			gbeta[c] = float32(p.partial[n+c])
		}
	}
}
