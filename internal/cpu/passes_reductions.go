package cpu

import (
	"math"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// chunkRows is the largest number of rows that is summed down a column in float32; sums of chunks are added in float64.
const chunkRows = 256

// mostChunks is the number of chunks from which on those of wide rows are made longer, because each leaves a row of sums.
const mostChunks = 16

// reduce is kernel.Reductions.Reduce.
func (p *passes) reduce(op kernel.Reduce, s kernel.Span, scale float32, x, y []float32) {
	j := job{op: int(op), span: s, a: scale, x: x, y: y}
	switch {
	case s.Inner == 1 && s.Outer == 1 && op == kernel.Sum:
		total := p.sum(s.N, j, func(j *job, lo, hi int) { j.partial[lo/grain] = j.Sum(j.x[lo:hi]) })
		y[0] = float32(float64(scale) * total)
	case s.Inner == 1:
		p.overRows(s.Outer, s.N, j, func(j *job, lo, hi int) {
			for o := lo; o < hi; o++ {
				x := row(j.x, o, j.span.N)
				if kernel.Reduce(j.op) == kernel.Max {
					j.y[o] = j.a * j.Max(x)
				} else {
					j.y[o] = float32(float64(j.a) * j.Sum(x))
				}
			}
		})
	default:
		p.reduceColumns(j)
	}
}

// reduceColumns reduces x [Outer, N, Inner] in chunks of N that are combined in order.
func (p *passes) reduceColumns(j job) {
	s := j.span
	j.rows = min(chunkRows, max(1, grain/s.Inner, s.N/mostChunks), max(s.N, 1))
	chunks := (s.N + j.rows - 1) / j.rows // of each of Outer
	p.columns = resize(p.columns, s.Outer*chunks*s.Inner)
	p.each(s.Outer*chunks, max(1, grain/(j.rows*s.Inner)), j, func(j *job, lo, hi int) {
		chunks := (j.span.N + j.rows - 1) / j.rows
		for task := lo; task < hi; task++ {
			first := task % chunks * j.rows
			rows := min(j.rows, j.span.N-first)
			x := j.x[(task/chunks*j.span.N+first)*j.span.Inner:][:rows*j.span.Inner]
			if kernel.Reduce(j.op) == kernel.Max {
				j.ColumnMax(rows, x, row(j.columns, task, j.span.Inner))
			} else {
				j.ColumnSums(rows, x, row(j.columns, task, j.span.Inner))
			}
		}
	})
	for o := range s.Outer {
		parts, out := p.columns[o*chunks*s.Inner:][:chunks*s.Inner], row(j.y, o, s.Inner)
		if kernel.Reduce(j.op) == kernel.Max {
			p.ColumnMax(chunks, parts, out)
		} else {
			p.addChunks(parts, out)
		}
		if j.a != 1 {
			p.Unary[kernel.Scale](j.a, out, out)
		}
	}
}

// addChunks sets out[c] = Σ parts[i·len(out) + c], in float64.
func (p *passes) addChunks(parts, out []float32) {
	if len(parts) == len(out) {
		copy(out, parts)
		return
	}
	p.partial = resize(p.partial, len(out))
	addColumns(parts, p.partial)
	for c, v := range p.partial {
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

// sumTo is kernel.Reductions.SumTo where it is a reduction of one dimension; otherwise it returns false.
func (p *passes) sumTo(s kernel.Broadcast, x, y []float32) bool {
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
		return false
	}
	p.reduce(kernel.Sum, span, 1, x, y)
	return true
}

// softmax treats rows of n numbers.
func (p *passes) softmax(log bool, rows, n int, x, y []float32) {
	p.overRows(rows, 8*n, job{log: log, size: n, x: x, y: y}, func(j *job, lo, hi int) {
		for r := lo; r < hi; r++ {
			x, y := row(j.x, r, j.size), row(j.y, r, j.size)
			largest := j.Max(x)
			if !j.log {
				total := j.ExpShift(largest, x, y)
				j.Unary[kernel.Scale](float32(1/total), y, y)
				continue
			}
			total := j.SumExp(largest, x)
			j.BinaryRight[kernel.Sub](x, largest, y) // in two steps: the sum of both would be rounded
			j.BinaryRight[kernel.Sub](y, float32(math.Log(total)), y)
		}
	})
}

func (p *passes) softmaxGrad(log bool, rows, n int, y, gy, gx []float32) {
	p.overRows(rows, 4*n, job{log: log, size: n, y: y, gy: gy, gx: gx}, func(j *job, lo, hi int) {
		for r := lo; r < hi; r++ {
			y, gy, gx := row(j.y, r, j.size), row(j.gy, r, j.size), row(j.gx, r, j.size)
			if j.log {
				j.LogSoftmaxGrad(float32(j.Sum(gy)), y, gy, gx)
			} else {
				j.SoftmaxGrad(float32(j.Dot(y, gy)), y, gy, gx)
			}
		}
	})
}

func (p *passes) crossEntropy(rows, classes int, logits []float32, labels []int32, losses []float32) {
	p.overRows(rows, 8*classes, job{size: classes, x: logits, y: losses, index: labels}, func(j *job, lo, hi int) {
		for r := lo; r < hi; r++ {
			if j.index[r] < 0 {
				j.y[r] = 0
				continue
			}
			x := row(j.x, r, j.size)
			largest := j.Max(x)
			j.y[r] = float32(float64(largest) - float64(x[j.index[r]]) + math.Log(j.SumExp(largest, x)))
		}
	})
}

func (p *passes) crossEntropyGrad(rows, classes int, logits []float32, labels []int32, scale, g []float32) {
	p.overRows(rows, 8*classes, job{size: classes, x: logits, s: scale, gx: g, index: labels}, func(j *job, lo, hi int) {
		for r := lo; r < hi; r++ {
			g := row(j.gx, r, j.size)
			if j.index[r] < 0 {
				clear(g)
				continue
			}
			x := row(j.x, r, j.size)
			total := j.ExpShift(j.Max(x), x, g)
			j.Unary[kernel.Scale](float32(float64(j.s[r])/total), g, g)
			g[j.index[r]] -= j.s[r]
		}
	})
}
