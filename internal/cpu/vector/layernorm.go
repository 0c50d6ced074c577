package vector

import (
	"math"

	"github.com/bestiary-ml/bestiary/internal/cpu/portable"
	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// orFill returns v, or n times value in scratch vector number i where v is nil.
func (d *Device) orFill(v []float32, i, n int, value float32) []float32 {
	if v == nil {
		v = row(d.scratch, i, n)
		d.simd.Fill(value, v)
	}
	return v
}

type layerNormJob struct {
	simd          *simd.Passes
	rows, columns int
	eps           float32
	x, y          []float32
	gamma, beta   []float32
	mean, rstd    []float32
}

// LayerNorm implements kernel.Normalisation.
func (d *Device) LayerNorm(rows, n int, eps float64, x, gamma, beta, y, mean, rstd kernel.Buffer) {
	d.vectors(n, 2)
	run(d, rows, rowsPerTask(n), &d.jobs.layerNorm, layerNormJob{
		simd: d.simd, rows: rows, columns: n, eps: float32(eps), x: f32(x), y: f32(y),
		gamma: d.orFill(f32(gamma), 0, n, 1), beta: d.orFill(f32(beta), 1, n, 0), mean: f32(mean), rstd: f32(rstd),
	})
}

func (j *layerNormJob) chunk(lo, hi int) {
	n := float64(j.columns)
	for r := lo; r < hi; r++ {
		x := row(j.x, r, j.columns)
		average := float32(j.simd.Sum(x) / n)
		squares := j.simd.CentredSquares(average, x)
		scale := float32(1 / math.Sqrt(squares/n+float64(j.eps)))
		gamma, beta := portable.GroupRow(j.gamma, r, j.rows, j.columns), portable.GroupRow(j.beta, r, j.rows, j.columns)
		j.simd.NormaliseRow(average, scale, x, gamma, beta, row(j.y, r, j.columns))
		j.mean[r], j.rstd[r] = average, scale
	}
}

type layerNormGradJob struct {
	simd              *simd.Passes
	columns, rows     int // rows of a chunk
	x, gamma          []float32
	mean, rstd        []float32
	gy, gx            []float32
	parameterGradient []float32 // two rows for each chunk: of gamma, then of beta
}

// LayerNormGrad implements kernel.Normalisation.
func (d *Device) LayerNormGrad(rows, n int, x, gamma, mean, rstd, gy, gx, ggamma, gbeta kernel.Buffer) {
	d.vectors(n, 1)
	perTask := min(max(1, rows), chunkRows, max(1, grain/n))
	d.columns = resize(d.columns, 2*((rows+perTask-1)/perTask)*n)
	run(d, rows, perTask, &d.jobs.layerNormGrad, layerNormGradJob{
		simd: d.simd, columns: n, rows: perTask, x: f32(x), gamma: d.orFill(f32(gamma), 0, n, 1),
		mean: f32(mean), rstd: f32(rstd), gy: f32(gy), gx: f32(gx), parameterGradient: d.columns,
	})
	d.partial = resize(d.partial, 2*n)
	addColumns(d.columns, d.partial)
	downGamma, downBeta := f32(ggamma), f32(gbeta)
	for c := range n {
		if downGamma != nil {
			downGamma[c] = float32(d.partial[c])
		}
		if downBeta != nil {
			downBeta[c] = float32(d.partial[n+c])
		}
	}
}

func (j *layerNormGradJob) chunk(lo, hi int) {
	at, n := lo/j.rows*2, float64(j.columns)
	ggamma, gbeta := row(j.parameterGradient, at, j.columns), row(j.parameterGradient, at+1, j.columns)
	clear(ggamma)
	clear(gbeta)
	for r := lo; r < hi; r++ {
		x, gy := row(j.x, r, j.columns), row(j.gy, r, j.columns)
		sum, dot := j.simd.NormaliseRowSums(j.mean[r], j.rstd[r], x, j.gamma, gy, ggamma, gbeta)
		j.simd.NormaliseRowGrad(j.mean[r], j.rstd[r], float32(sum/n), float32(dot/n), x, j.gamma, gy, row(j.gx, r, j.columns))
	}
}
