package vector

import (
	"sort"

	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// numberChunks numbers the chunks of n buffers of the given lengths one after the other: those of buffer i are starts[i] to
// starts[i+1]. So a single run serves a model's hundreds of small parameters.
func (d *Device) numberChunks(n int, length func(i int) int) (chunks int) {
	d.starts = resize(d.starts, n+1)
	for i := range n {
		d.starts[i] = chunks
		chunks += (length(i) + grain - 1) / grain
	}
	d.starts[n] = chunks
	return chunks
}

// chunkOf returns the buffer that a chunk belongs to, and the chunk's first element there.
func chunkOf(starts []int, chunk int) (buffer, from int) {
	buffer = sort.SearchInts(starts, chunk+1) - 1
	return buffer, (chunk - starts[buffer]) * grain
}

type adamJob struct {
	step         func(c *[10]float32, p, g, m, v []float32)
	starts       []int
	coefficients [][10]float32
	params       []kernel.AdamParam
}

// AdamStep implements kernel.Optimisation.
func (d *Device) AdamStep(a kernel.Adam, params []kernel.AdamParam) {
	chunks := d.numberChunks(len(params), func(i int) int { return params[i].P.Len })
	d.coefficients = resize(d.coefficients, len(params))
	for i := range params {
		d.coefficients[i] = simd.AdamCoefficients(a, params[i].WeightDecay)
	}
	run(d, chunks, 1, &d.jobs.adam, adamJob{d.simd.Adam, d.starts, d.coefficients, params})
}

func (j *adamJob) chunk(lo, _ int) {
	i, from := chunkOf(j.starts, lo)
	q := &j.params[i]
	to := min(q.P.Len, from+grain)
	j.step(&j.coefficients[i], f32(q.P)[from:to], f32(q.G)[from:to], f32(q.M)[from:to], f32(q.V)[from:to])
}

type sumSquaresJob struct {
	sum    func(x []float32) float64
	starts []int
	xs     []kernel.Buffer
	sums   []float64 // by chunk
}

// SumSquares implements kernel.Optimisation.
func (d *Device) SumSquares(xs []kernel.Buffer) float64 {
	chunks := d.numberChunks(len(xs), func(i int) int { return xs[i].Len })
	d.partial = resize(d.partial, chunks)
	run(d, chunks, 1, &d.jobs.sumSquares, sumSquaresJob{d.simd.SumSquares, d.starts, xs, d.partial})
	return total(d.partial)
}

func (j *sumSquaresJob) chunk(lo, _ int) {
	i, from := chunkOf(j.starts, lo)
	x := f32(j.xs[i])
	j.sums[lo] = j.sum(x[from:min(len(x), from+grain)])
}

type lerpJob struct {
	lerp   func(weight float32, x, y []float32)
	weight float32
	x, y   []float32
}

// Lerp implements kernel.Optimisation.
func (d *Device) Lerp(w float64, x, y kernel.Buffer) {
	out := f32(y)
	run(d, len(out), grain, &d.jobs.lerp, lerpJob{d.simd.Lerp, float32(w), f32(x), out})
}

func (j *lerpJob) chunk(lo, hi int) { j.lerp(j.weight, j.x[lo:hi], j.y[lo:hi]) }
