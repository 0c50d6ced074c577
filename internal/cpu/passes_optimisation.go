package cpu

import (
	"sort"

	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// overBuffers numbers the chunks of several buffers, of the given lengths, one after the other: buffer i has numbers
// starts[i] to starts[i+1]. So one run serves a model's hundreds of small parameters.
func (p *passes) overBuffers(n int, length func(i int) int) (chunks int) {
	p.starts = resize(p.starts, n+1)
	for i := range n {
		p.starts[i] = chunks
		chunks += (length(i) + grain - 1) / grain
	}
	p.starts[n] = chunks
	return chunks
}

// chunkOf finds the buffer that a chunk belongs to, and its first element there.
func (p *passes) chunkOf(chunk int) (buffer, from int) {
	buffer = sort.SearchInts(p.starts, chunk+1) - 1
	return buffer, (chunk - p.starts[buffer]) * grain
}

// adamStep is kernel.Optimisation.AdamStep.
func (p *passes) adamStep(a kernel.Adam, params []kernel.AdamParam) {
	chunks := p.overBuffers(len(params), func(i int) int { return params[i].P.Len })
	p.coefficients = resize(p.coefficients, len(params))
	for i := range params {
		p.coefficients[i] = simd.AdamCoefficients(a, params[i].WeightDecay)
	}
	p.each(chunks, 1, job{params: params}, func(j *job, lo, _ int) {
		i, from := j.chunkOf(lo)
		q := &j.params[i]
		to := min(q.P.Len, from+grain)
		j.Adam(&j.coefficients[i], f32(q.P)[from:to], f32(q.G)[from:to], f32(q.M)[from:to], f32(q.V)[from:to])
	})
}

// sumSquares is kernel.Optimisation.SumSquares.
func (p *passes) sumSquares(xs []kernel.Buffer) float64 {
	chunks := p.overBuffers(len(xs), func(i int) int { return xs[i].Len })
	p.partial = resize(p.partial, chunks)
	p.each(chunks, 1, job{buffers: xs}, func(j *job, lo, _ int) {
		i, from := j.chunkOf(lo)
		x := f32(j.buffers[i])
		j.partial[lo] = j.SumSquares(x[from:min(len(x), from+grain)])
	})
	total := 0.0
	for _, v := range p.partial {
		total += v
	}
	return total
}

func (p *passes) lerp(w float32, x, y []float32) {
	p.elements(len(y), job{a: w, x: x, y: y}, func(j *job, lo, hi int) { j.Lerp(j.a, j.x[lo:hi], j.y[lo:hi]) })
}
