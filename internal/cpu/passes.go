package cpu

import (
	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// passes computes everything but matrix products for float32 with the assembly of internal/cpu/simd.
//
// A kernel describes its arguments as a job and is split into chunks, the size of which depends on the shapes only;
// sums of chunks are added in order, in float64. So results don't depend on the number of threads.
type passes struct {
	*simd.Passes
	pool *Pool

	job     job
	runTask func(task, worker int) // bound once: binding allocates

	partial []float64 // sums by chunk
	columns []float32 // sums by chunk and column
	scratch []float32 // vectors by channel
	starts  []int     // of parameters among the chunks of all
	inverse []int32   // of an index

	coefficients [][10]float32 // of Adam, by parameter
}

// job holds the arguments of the kernel that runs; body treats elements or rows [lo, hi). A closure would do, but it
// would be allocated for every kernel of a step.
type job struct {
	*passes
	body  func(j *job, lo, hi int)
	n     int // elements or rows
	grain int // of which a task takes so many

	op, last     int // function; number of the last dimension
	rows, size   int // of a chunk; elements of a row
	a, b         float32
	log          bool
	broadcast    kernel.Broadcast
	strided      kernel.Strided
	span         kernel.Span
	coupling     couplingMap
	norm         kernel.BatchNorm
	x, y         []float32
	s, t, g      []float32
	gx, gy       []float32
	mean, rstd   []float32
	gamma, beta  []float32
	scale, shift []float32
	index        []int32
	key, offset  uint64
	params       []kernel.AdamParam
	buffers      []kernel.Buffer
}

// newPasses returns the passes for level, or nil if they are the portable ones.
func newPasses(level simd.Level, pool *Pool) *passes {
	kernels := simd.PassesFor(level)
	if kernels == nil {
		return nil
	}
	p := &passes{Passes: kernels, pool: pool}
	p.runTask = func(task, _ int) {
		j := &p.job
		j.body(j, task*j.grain, min(j.n, (task+1)*j.grain))
	}
	return p
}

// each runs body, which must not be a closure, over chunks of at most grain of j's n elements or rows.
func (p *passes) each(n, grain int, j job, body func(j *job, lo, hi int)) {
	if n == 0 {
		return
	}
	j.passes, j.n, j.grain, j.body = p, n, grain, body
	p.job = j
	if n <= grain {
		body(&p.job, 0, n)
	} else {
		p.pool.Run((n+grain-1)/grain, p.runTask)
	}
	p.job = job{} // keeps no memory alive
}

// elements is each over single numbers.
func (p *passes) elements(n int, j job, body func(j *job, lo, hi int)) { p.each(n, grain, j, body) }

// overRows is each over rows of n numbers.
func (p *passes) overRows(rows, n int, j job, body func(j *job, lo, hi int)) {
	p.each(rows, max(1, grain/max(1, n)), j, body)
}

// sum adds what body leaves in partial[lo/grain] for chunks of [0, n).
func (p *passes) sum(n int, j job, body func(j *job, lo, hi int)) float64 {
	p.partial = resize(p.partial, (n+grain-1)/grain)
	p.elements(n, j, body)
	total := 0.0
	for _, v := range p.partial {
		total += v
	}
	return total
}

// resize returns v with n elements of any value, in the same memory if it is large enough.
func resize[T any](v []T, n int) []T {
	if cap(v) < n {
		return make([]T, n)
	}
	return v[:n]
}

// row is row r of x, with n numbers.
func row[T any](x []T, r, n int) []T { return x[r*n : (r+1)*n : (r+1)*n] }
