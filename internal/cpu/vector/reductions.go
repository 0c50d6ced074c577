package vector

import (
	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

const (
	// chunkRows is the largest number of rows that are summed down a column in float32; sums of chunks are added in float64.
	chunkRows = 256
	// mostChunks is the number of chunks of wide rows above which they are made longer, because each leaves a row of sums.
	mostChunks = 16
)

// sumJob sums a whole tensor.
type sumJob struct {
	sum  func(x []float32) float64
	x    []float32
	sums []float64 // by chunk
}

// rowReductionJob reduces each row of x to a number of y.
type rowReductionJob struct {
	simd    *simd.Passes
	op      kernel.Reduce
	columns int
	scale   float32
	x, y    []float32
}

// columnReductionJob reduces chunks of rows of x [Outer, N, Inner] to a row of partial each.
type columnReductionJob struct {
	reduce       func(rows int, x, y []float32)
	span         kernel.Span
	rows, chunks int // rows of a chunk, chunks of each of Outer
	x, partial   []float32
}

// Reduce implements kernel.Reductions.
func (d *Device) Reduce(op kernel.Reduce, s kernel.Span, scale float64, x, y kernel.Buffer) {
	if y.Len > 0 {
		d.reduce(op, s, float32(scale), f32(x), f32(y))
	}
}

func (d *Device) reduce(op kernel.Reduce, s kernel.Span, scale float32, x, y []float32) {
	switch {
	case s.Inner == 1 && s.Outer == 1 && op == kernel.Sum:
		sums := d.chunks(s.N)
		run(d, s.N, grain, &d.jobs.sum, sumJob{d.simd.Sum, x, sums})
		y[0] = float32(float64(scale) * total(sums))
	case s.Inner == 1:
		run(d, s.Outer, rowsPerTask(s.N), &d.jobs.rows, rowReductionJob{d.simd, op, s.N, scale, x, y})
	default:
		d.reduceColumns(op, s, scale, x, y)
	}
}

func (j *sumJob) chunk(lo, hi int) { j.sums[lo/grain] = j.sum(j.x[lo:hi]) }

func (j *rowReductionJob) chunk(lo, hi int) {
	for r := lo; r < hi; r++ {
		x := row(j.x, r, j.columns)
		if j.op == kernel.Max {
			j.y[r] = j.scale * j.simd.Max(x)
		} else {
			j.y[r] = float32(float64(j.scale) * j.simd.Sum(x))
		}
	}
}

// reduceColumns reduces x [Outer, N, Inner] in chunks of N, whose results are combined in order.
func (d *Device) reduceColumns(op kernel.Reduce, s kernel.Span, scale float32, x, y []float32) {
	rows := min(chunkRows, max(1, grain/s.Inner, s.N/mostChunks), max(s.N, 1))
	chunks := (s.N + rows - 1) / rows
	d.columns = resize(d.columns, s.Outer*chunks*s.Inner)
	reduce := d.simd.ColumnSums
	if op == kernel.Max {
		reduce = d.simd.ColumnMax
	}
	run(d, s.Outer*chunks, max(1, grain/(rows*s.Inner)), &d.jobs.columns, columnReductionJob{reduce, s, rows, chunks, x, d.columns})
	for o := range s.Outer {
		parts, out := d.columns[o*chunks*s.Inner:][:chunks*s.Inner], row(y, o, s.Inner)
		if op == kernel.Max {
			d.simd.ColumnMax(chunks, parts, out)
		} else {
			d.addChunks(parts, out)
		}
		if scale != 1 {
			d.simd.Unary[kernel.Scale](scale, out, out)
		}
	}
}

func (j *columnReductionJob) chunk(lo, hi int) {
	for task := lo; task < hi; task++ {
		first := task % j.chunks * j.rows
		rows := min(j.rows, j.span.N-first)
		x := j.x[(task/j.chunks*j.span.N+first)*j.span.Inner:][:rows*j.span.Inner]
		j.reduce(rows, x, row(j.partial, task, j.span.Inner))
	}
}

// addChunks sets out[c] = Σ parts[i·len(out) + c], in float64.
func (d *Device) addChunks(parts, out []float32) {
	if len(parts) == len(out) {
		copy(out, parts)
		return
	}
	d.partial = resize(d.partial, len(out))
	addColumns(parts, d.partial)
	for c, v := range d.partial {
		out[c] = float32(v)
	}
}

// addColumns sets sums[c] = Σ parts[i·len(sums) + c].
func addColumns(parts []float32, sums []float64) {
	clear(sums)
	for ; len(parts) > 0; parts = parts[len(sums):] {
		for c, v := range parts[:len(sums)] {
			sums[c] += float64(v)
		}
	}
}

// ActivationBiasGrad implements kernel.Reductions.
func (d *Device) ActivationBiasGrad(act kernel.Activation, slope float64, rows, n int, y, gy, gx, gbias kernel.Buffer) {
	if act != kernel.ActNone || gx != gy {
		d.ActivationGrad(act, slope, y, gy, gx)
	}
	d.Reduce(kernel.Sum, kernel.Span{Outer: 1, N: rows, Inner: n}, 1, gx, gbias)
}

// SumTo implements kernel.Reductions: as a reduction where only one dimension is summed over.
func (d *Device) SumTo(s kernel.Broadcast, x, y kernel.Buffer) {
	n, stride := s.Shape, s.StrideA
	span := kernel.Span{Outer: 1, N: 1, Inner: 1}
	switch {
	case s.Rank == 1 && stride[0] == 0:
		span.N = n[0]
	case s.Rank == 2 && stride[0] == 0 && stride[1] == 1:
		span.N, span.Inner = n[0], n[1]
	case s.Rank == 2 && stride[0] == 1 && stride[1] == 0:
		span.Outer, span.N = n[0], n[1]
	case s.Rank == 3 && stride[0] == n[2] && stride[1] == 0 && stride[2] == 1:
		span = kernel.Span{Outer: n[0], N: n[1], Inner: n[2]}
	default:
		d.Device.SumTo(s, x, y)
		return
	}
	d.reduce(kernel.Sum, span, 1, f32(x), f32(y))
}
