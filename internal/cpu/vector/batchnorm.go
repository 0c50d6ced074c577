package vector

import (
	"math"

	"github.com/bestiary-ml/bestiary/internal/cpu/portable"
	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// batchRows is the number of rows of a chunk: their numbers stay in the level-2 cache between two passes over them.
func batchRows(b kernel.BatchNorm) int {
	return min(max(1, b.Rows), chunkRows, max(1, grain/max(1, b.Channels)))
}

// vectors returns n vectors of scratch by channel.
func (d *Device) vectors(channels, n int) []float32 {
	d.scratch = resize(d.scratch, n*channels)
	return d.scratch
}

// normaliseJob sets y = act((x − mean)·scale + shift).
type normaliseJob struct {
	simd               *simd.Passes
	act                kernel.Activation
	slope              float32
	channels           int
	x, y               []float32
	mean, scale, shift []float32
}

// BatchNorm implements kernel.Normalisation.
func (d *Device) BatchNorm(b kernel.BatchNorm, x, gamma, beta, mean, variance, y kernel.Buffer) {
	in, means, variances := f32(x), f32(mean), f32(variance)
	if !b.Fixed {
		d.batchStatistics(b, in, means, variances)
	}
	portable.UpdateRunning(b, 0, b.Channels, means, variances)
	vectors := d.vectors(b.Channels, 3)
	scale, shift := row(vectors, 0, b.Channels), row(vectors, 1, b.Channels)
	gammas := d.scales(b, f32(gamma), row(vectors, 2, b.Channels))
	for c := range scale {
		rstd := 1 / math.Sqrt(float64(variances[c])+b.Eps)
		if gammas != nil {
			rstd *= float64(gammas[c])
		}
		scale[c], shift[c] = float32(rstd), 0
	}
	copy(shift, f32(beta))
	run(d, b.Rows, rowsPerTask(b.Channels), &d.jobs.normalise, normaliseJob{
		simd: d.simd, act: b.Act, slope: float32(b.Slope), channels: b.Channels,
		x: in, y: f32(y), mean: means, scale: scale, shift: shift,
	})
}

func (j *normaliseJob) chunk(lo, hi int) {
	x, y := j.x[lo*j.channels:hi*j.channels], j.y[lo*j.channels:hi*j.channels]
	switch j.act {
	case kernel.ActReLU:
		j.simd.NormaliseReLU(hi-lo, x, j.mean, j.scale, j.shift, y)
		return
	case kernel.ActLeakyReLU:
		j.simd.NormaliseLeaky(hi-lo, j.slope, x, j.mean, j.scale, j.shift, y)
		return
	}
	j.simd.Normalise(hi-lo, x, j.mean, j.scale, j.shift, y)
	switch j.act {
	case kernel.ActTanh:
		j.simd.Unary[kernel.Tanh](0, y, y)
	case kernel.ActSigmoid:
		j.simd.Unary[kernel.Sigmoid](0, y, y)
	}
}

// scales returns gamma, or its exponentials in scratch with LogGamma.
func (d *Device) scales(b kernel.BatchNorm, gamma, scratch []float32) []float32 {
	if gamma == nil || !b.LogGamma {
		return gamma
	}
	d.simd.Unary[kernel.Exp](0, gamma, scratch)
	return scratch
}

// BatchNormLogDet implements kernel.Normalisation.
func (d *Device) BatchNormLogDet(b kernel.BatchNorm, gamma, variance, before, logDet kernel.Buffer) {
	logs := d.vectors(b.Channels, 1)
	d.simd.Unary[kernel.AddScalar](float32(b.Eps), f32(variance), logs)
	d.simd.Unary[kernel.Log](0, logs, logs)
	sum := float32(d.simd.Sum(f32(gamma)) - 0.5*d.simd.Sum(logs))
	if !before.IsNil() {
		sum += f32(before)[0]
	}
	f32(logDet)[0] = sum
}

// statisticsJob computes means and sums of squared deviations of chunks of rows.
type statisticsJob struct {
	simd           *simd.Passes
	channels, rows int       // rows of a chunk
	x, partial     []float32 // partial has two rows for each chunk: means, then squares
}

// batchStatistics measures mean and variance in one pass over memory: each chunk of rows is centred on its own mean
// while it is in the cache, and the chunks are combined by the parallel-axis theorem (Chan, Golub & LeVeque, 1979):
//
//	Σ(x − mean)² = Σ over chunks of [Σ(x − meanᵢ)² + rowsᵢ·(meanᵢ − mean)²]
func (d *Device) batchStatistics(b kernel.BatchNorm, x, mean, variance []float32) {
	rows := batchRows(b)
	chunks := (b.Rows + rows - 1) / rows
	d.columns = resize(d.columns, 2*chunks*b.Channels)
	run(d, b.Rows, rows, &d.jobs.statistics, statisticsJob{d.simd, b.Channels, rows, x, d.columns})
	d.partial = resize(d.partial, 2*b.Channels)
	average, squares := d.partial[:b.Channels], d.partial[b.Channels:]
	clear(d.partial)
	for i := range chunks {
		weight := float64(min(rows, b.Rows-i*rows))
		for c, v := range row(d.columns, 2*i, b.Channels) {
			average[c] += weight * float64(v)
		}
	}
	for c := range average {
		average[c] /= float64(b.Rows)
	}
	for i := range chunks {
		weight, square := float64(min(rows, b.Rows-i*rows)), row(d.columns, 2*i+1, b.Channels)
		for c, v := range row(d.columns, 2*i, b.Channels) {
			deviation := float64(v) - average[c]
			squares[c] += float64(square[c]) + weight*deviation*deviation
		}
	}
	for c := range average {
		mean[c], variance[c] = float32(average[c]), float32(squares[c]/portable.VarianceDivisor(b))
	}
}

func (j *statisticsJob) chunk(lo, hi int) {
	at := lo / j.rows * 2
	average, squares := row(j.partial, at, j.channels), row(j.partial, at+1, j.channels)
	x := j.x[lo*j.channels : hi*j.channels]
	j.simd.ColumnSums(hi-lo, x, average)
	j.simd.Unary[kernel.Scale](1/float32(hi-lo), average, average)
	j.simd.ColumnSquares(hi-lo, x, average, squares)
}
