package vector

import (
	"math"

	"github.com/bestiary-ml/bestiary/internal/cpu/portable"
	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// gradSumsJob computes Σ g and Σ g·(x − mean) of chunks of rows, g being the gradient before the activation.
type gradSumsJob struct {
	simd           *simd.Passes
	rectified      bool    // the activation is ReLU or LeakyReLU
	slope          float32 // of LeakyReLU
	channels, rows int     // rows of a chunk
	x, y, gy, mean []float32
	partial        []float32 // two rows for each chunk
}

// normaliseGradJob sets gx = factor·g + linear·(x − mean) + constant, by channel.
type normaliseGradJob struct {
	simd                           *simd.Passes
	rectified                      bool
	slope                          float32 // of LeakyReLU
	channels                       int
	x, y, gy, gx                   []float32
	mean, factor, linear, constant []float32
}

// BatchNormGrad implements kernel.Normalisation; the portable device has the formulas.
func (d *Device) BatchNormGrad(b kernel.BatchNorm, x, gamma, mean, variance, y, gy, gLogDet, gx, ggamma, gbeta kernel.Buffer) {
	act := b.Act
	if act == kernel.ActTanh || act == kernel.ActSigmoid {
		if gx.IsNil() { // there is no room for the gradient before the activation
			d.Device.BatchNormGrad(b, x, gamma, mean, variance, y, gy, gLogDet, gx, ggamma, gbeta)
			return
		}
		d.ActivationGrad(act, b.Slope, y, gy, gx)
		gy, act = gx, kernel.ActNone
	}
	slope := float32(0)
	if act == kernel.ActLeakyReLU {
		slope = float32(b.Slope)
	}
	in, out, up, means := f32(x), f32(y), f32(gy), f32(mean)
	sum, dot := d.gradSums(b, gradSumsJob{
		simd: d.simd, rectified: act != kernel.ActNone, slope: slope, channels: b.Channels, rows: batchRows(b),
		x: in, y: out, gy: up, mean: means,
	})
	vectors := d.vectors(b.Channels, 4)
	factor, linear, constant := row(vectors, 0, b.Channels), row(vectors, 1, b.Channels), row(vectors, 2, b.Channels)
	gammas := d.scales(b, f32(gamma), row(vectors, 3, b.Channels))
	variances, upDet, downGamma, downBeta := f32(variance), f32(gLogDet), f32(ggamma), f32(gbeta)
	logDet := 0.0
	if upDet != nil {
		logDet = float64(upDet[0])
	}
	for c := range sum {
		rstd := 1 / math.Sqrt(float64(variances[c])+b.Eps)
		along := dot[c] * rstd
		scale := 1.0
		if gammas != nil {
			scale = float64(gammas[c])
		}
		if downGamma != nil {
			downGamma[c] = float32(along)
			if b.LogGamma {
				downGamma[c] = float32(scale*along + logDet)
			}
		}
		if downBeta != nil {
			downBeta[c] = float32(sum[c])
		}
		scale *= rstd
		factor[c], linear[c], constant[c] = float32(scale), 0, 0
		if b.Fixed {
			continue
		}
		linear[c] = float32(-(scale*along + logDet*rstd) * rstd / portable.VarianceDivisor(b))
		constant[c] = float32(-scale * sum[c] / float64(b.Rows))
	}
	if gx.IsNil() {
		return
	}
	run(d, b.Rows, rowsPerTask(b.Channels), &d.jobs.normaliseGrad, normaliseGradJob{
		simd: d.simd, rectified: act != kernel.ActNone, slope: slope, channels: b.Channels,
		x: in, y: out, gy: up, gx: f32(gx), mean: means, factor: factor, linear: linear, constant: constant,
	})
}

// gradSums returns Σ g and Σ g·(x − mean) by channel.
func (d *Device) gradSums(b kernel.BatchNorm, j gradSumsJob) (sum, dot []float64) {
	chunks := (b.Rows + j.rows - 1) / j.rows
	d.columns = resize(d.columns, 2*chunks*b.Channels)
	j.partial = d.columns
	run(d, b.Rows, j.rows, &d.jobs.gradSums, j)
	d.partial = resize(d.partial, 2*b.Channels)
	addColumns(d.columns, d.partial)
	return d.partial[:b.Channels], d.partial[b.Channels:]
}

func (j *gradSumsJob) chunk(lo, hi int) {
	at := lo / j.rows * 2
	sum, dot := row(j.partial, at, j.channels), row(j.partial, at+1, j.channels)
	x, gy := j.x[lo*j.channels:hi*j.channels], j.gy[lo*j.channels:hi*j.channels]
	if !j.rectified {
		j.simd.ColumnGradSums(hi-lo, x, gy, j.mean, sum, dot)
		return
	}
	j.simd.ColumnGradSumsLeaky(hi-lo, j.slope, x, j.y[lo*j.channels:hi*j.channels], gy, j.mean, sum, dot)
}

func (j *normaliseGradJob) chunk(lo, hi int) {
	x, gy, gx := j.x[lo*j.channels:hi*j.channels], j.gy[lo*j.channels:hi*j.channels], j.gx[lo*j.channels:hi*j.channels]
	if !j.rectified {
		j.simd.NormaliseGrad(hi-lo, x, gy, j.mean, j.factor, j.linear, j.constant, gx)
		return
	}
	y := j.y[lo*j.channels : hi*j.channels]
	j.simd.NormaliseGradLeaky(hi-lo, j.slope, x, y, gy, j.mean, j.factor, j.linear, j.constant, gx)
}
