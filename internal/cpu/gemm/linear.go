package gemm

import (
	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/cpu/vector"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

const (
	// LinearRows is the largest number of rows for which the gradient gY·Wᵀ of a linear layer's input is computed as (W·gYᵀ)ᵀ:
	// transposing gY and the result is less work than transposing W.
	LinearRows = 64
	// linearStrip is the largest number of rows of W of a task, a multiple of vector.Block: two tiles.
	linearStrip = 24
)

// linearJob is the gradients of a linear layer Y = X·W for a small batch: gX = gY·Wᵀ and gW = Xᵀ·gY. As a right operand Wᵀ would
// have to be packed; as the left operand of gXᵀ = W·gYᵀ, W is read in place. A task takes a strip of rows of W and computes its
// columns of gX, from their transpose, and its rows of gW.
type linearJob struct {
	rows, in, out       int
	ldW, ldGY, ldGX     int
	w, x, gy            []float32
	gx, gw              []float32   // nil: not wanted
	step                *linearStep // nil: W is not stepped
	tasks               int
	transposed, results int // elements of a worker's buffer: gYᵀ in panels, and a strip of gXᵀ
}

// linearStep is an Adam step of the weights while their gradient is in the cache: moments and constants.
type linearStep struct {
	m, v         []float32
	coefficients [10]float32
}

// linearWorker is the scratch memory of a worker.
type linearWorker struct {
	job    uint64    // number of the job whose gYᵀ is in buffer
	buffer []float32 // panels of gYᵀ, then a strip of gXᵀ
	strip  []float32 // of gW, where it is used by a step

	// Elements ahead to aheadTo of the weights and moments are still to be prefetched: the worker's next task probably needs them.
	// Reading them from memory takes as long as the arithmetic, so some are prefetched with each tile and arrive during it.
	ahead, aheadTo int
}

// prefetchAtOnce is the number of elements of each array that are prefetched with a tile.
const prefetchAtOnce = 384

// FasterLinearGrad implements kernel.LinearGradients.
func (p *Engine) FasterLinearGrad(l kernel.LinearGrad) bool {
	return l.Rows > SkinnyRows && l.Rows <= LinearRows && !p.Paired(l.In, l.Out, l.Rows) && min(l.In, l.Out) >= 2*l.Rows && l.Out <= DepthBlock
}

// LinearGrad implements kernel.LinearGradients.
func (p *Engine) LinearGrad(l kernel.LinearGrad, x, w, gy, gx, gw []float32) {
	p.runLinearJob(linearJob{
		rows: l.Rows, in: l.In, out: l.Out, ldW: l.Out, ldGY: l.Out, ldGX: l.In, x: x, w: w, gy: gy, gx: gx, gw: gw,
	})
}

// LinearGradStep implements kernel.LinearGradStepper.
func (p *Engine) LinearGradStep(l kernel.LinearGrad, a kernel.Adam, w kernel.AdamParam, x, gy, gx []float32) {
	weights, moment1, moment2 := kernel.Slice[float32](w.P), kernel.Slice[float32](w.M), kernel.Slice[float32](w.V)
	p.stepping = linearStep{moment1, moment2, simd.AdamCoefficients(a, w.WeightDecay)}
	p.runLinearJob(linearJob{
		rows: l.Rows, in: l.In, out: l.Out, ldW: l.Out, ldGY: l.Out, ldGX: l.In, x: x, w: weights, gy: gy, gx: gx, step: &p.stepping,
	})
	p.stepping = linearStep{}
}

// swapped computes a product A·Bᵀ as (B·Aᵀ)ᵀ, like the gradient of a linear layer's input; it returns false if g has another form
// or its C is too small.
func (p *Engine) swapped(g kernel.Gemm, a, b, bias, c []float32) bool {
	if p.Uniform || !g.TransB || g.TransA || g.Batch > 1 || g.Accumulate || bias != nil || g.Act != kernel.ActNone ||
		g.M <= SkinnyRows || g.M > LinearRows || g.N < 4*g.M || g.K < g.M || p.Paired(g.M, g.N, g.K) {
		return false
	}
	p.runLinearJob(linearJob{rows: g.M, in: g.N, out: g.K, ldW: g.LdB, ldGY: g.LdA, ldGX: g.LdC, w: b, gy: a, gx: c})
	return true
}

// runLinearJob runs j.
func (p *Engine) runLinearJob(j linearJob) {
	p.Begin(j.w, j.x, j.gy)
	defer p.End()
	j.transposed = j.out * Ceil(j.rows, p.Lanes) * p.Lanes
	j.results = linearStrip * Ceil(j.rows, p.Lanes) * p.Lanes
	j.tasks = Ceil(Ceil(j.in, linearStrip), p.Pool.Threads()) * p.Pool.Threads()
	p.linear, p.linearJobs = j, p.linearJobs+1
	if j.rows*j.in*j.out > smallJob {
		p.Pool.Run(j.tasks, p.runLinear)
	} else {
		for task := range j.tasks {
			p.linearTask(task, 0)
		}
	}
	p.linear = linearJob{}
}

// strip returns the rows of W of a task.
func (j *linearJob) strip(task int) (from, to int) {
	blocks := Ceil(j.in, vector.Block)
	return Split(blocks, task, j.tasks) * vector.Block, min(j.in, Split(blocks, task+1, j.tasks)*vector.Block)
}

// linearTask computes a strip.
func (p *Engine) linearTask(task, worker int) {
	w, j := p.Workers[worker], &p.linear
	from, to := j.strip(task)
	w.linear.ahead, w.linear.aheadTo = 0, 0
	if next := task + p.Pool.Threads(); j.step != nil && next < j.tasks {
		from, to := j.strip(next)
		w.linear.ahead, w.linear.aheadTo = from*j.out, to*j.out
	}
	if j.gx != nil {
		p.linearInput(w, j, from, to)
	}
	if j.gw != nil {
		p.linearWeight(w, j, from, to, j.gw[from*j.out:])
	}
	if s := j.step; s != nil {
		gw := Aligned(&w.linear.strip, linearStrip*j.out)[:(to-from)*j.out]
		p.linearWeight(w, j, from, to, gw)
		from, to := from*j.out, to*j.out
		p.Passes.Adam(&s.coefficients, j.w[from:to], gw, s.m[from:to], s.v[from:to])
	}
}

// linearInput computes columns from to to of gX.
func (p *Engine) linearInput(w *Worker, j *linearJob, from, to int) {
	buffer := Aligned(&w.linear.buffer, j.transposed+j.results)
	if w.linear.job != p.linearJobs {
		w.linear.job = p.linearJobs
		for n := 0; n < j.rows; n += p.Width() {
			p.pack(w, Matrix{Base: Address(j.gy), Stride: 4 * j.ldGY, Transposed: true}, 0, j.out, n, min(p.Width(), j.rows-n), buffer[n*j.out:])
		}
	}
	result, stride := buffer[j.transposed:], j.results/linearStrip
	t := &w.Tile
	(&Epilogue{}).prepare(t, true, true)
	t.Taps, t.K, t.Bias = 1, j.out, 0
	table := w.Addresses(p.Height)
	t.A, t.C = &table[0], &w.Rows[0]
	tiles := Ceil(to-from, p.Height)
	for tile := range tiles {
		r0 := from + Split(to-from, tile, tiles)
		height := from + Split(to-from, tile+1, tiles) - r0
		for i := range height {
			table[i] = Address(j.w) + uintptr(4*(r0+i)*j.ldW)
			w.Rows[i] = Address(result) + uintptr(4*(r0-from+i)*stride)
		}
		p.prefetch(w, j)
		for n := 0; n < j.rows; n += p.Width() {
			t.Columns, t.COffset = min(p.Width(), j.rows-n), 4*n
			vectors := Ceil(t.Columns, p.Lanes)
			t.B, t.BStride = Address(buffer[n*j.out:]), 4*vectors*p.Lanes
			p.Rows[vectors-1][height](t)
		}
	}
	vector.Transpose(p.Passes, result, stride, j.gx[from:], j.ldGX, to-from, j.rows)
}

// linearWeight computes rows from to to of gW, into gw.
func (p *Engine) linearWeight(w *Worker, j *linearJob, from, to int, gw []float32) {
	b := p.Panels(w, Matrix{Base: Address(j.gy), Stride: 4 * j.ldGY}, WholeDepth, 0, j.rows, 0, j.out, true, false)
	t := &w.Tile
	(&Epilogue{}).prepare(t, true, true)
	table := w.Addresses(j.rows)
	for i := range table {
		table[i] = Address(j.x) + uintptr(4*i*j.in)
	}
	t.A, t.C, t.K, t.Bias = &table[0], &w.Rows[0], j.rows, 0
	tiles := Ceil(to-from, p.Height)
	for tile := range tiles {
		r0 := from + Split(to-from, tile, tiles)
		height := from + Split(to-from, tile+1, tiles) - r0
		for i := range height {
			w.Rows[i] = Address(gw) + uintptr(4*(r0-from+i)*j.out)
		}
		t.AOffset = 4 * r0
		for n := 0; n < j.out; n += p.Width() {
			p.prefetch(w, j)
			p.Columns[b.place(t, n)-1][height](t)
		}
	}
}

// prefetch fetches some of the weights and moments of the worker's next task into the cache.
func (p *Engine) prefetch(w *Worker, j *linearJob) {
	if l := &w.linear; l.ahead < l.aheadTo {
		to := min(l.aheadTo, l.ahead+prefetchAtOnce)
		for _, x := range [...][]float32{j.w, j.step.m, j.step.v} {
			p.Passes.Prefetch(x[l.ahead:to])
		}
		l.ahead = to
	}
}
