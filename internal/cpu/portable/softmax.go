package portable

import (
	"math"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// Softmax implements kernel.Reductions.
func (d *Device[F]) Softmax(log bool, s kernel.Span, x, y kernel.Buffer) {
	in, out := Floats[F](x), Floats[F](y)
	d.overSpans(s, func(at int) { softmaxLane(log, s.N, s.Inner, in[at:], out[at:]) })
}

// softmaxLane normalises n numbers that stand stride apart.
func softmaxLane[F Float](log bool, n, stride int, x, y []F) {
	largest := math.Inf(-1)
	for i := range n {
		largest = max(largest, float64(x[i*stride]))
	}
	total := 0.0
	for i := range n {
		total += math.Exp(float64(x[i*stride]) - largest)
	}
	rest := math.Log(total)
	for i := range n {
		v := float64(x[i*stride]) - largest - rest // in two steps: beside ±3e38, as masks have it, rest would be lost
		if !log {
			v = math.Exp(v)
		}
		y[i*stride] = F(v)
	}
}

// SoftmaxGrad implements kernel.Reductions.
func (d *Device[F]) SoftmaxGrad(log bool, s kernel.Span, y, gy, gx kernel.Buffer) {
	out, up, down := Floats[F](y), Floats[F](gy), Floats[F](gx)
	d.overSpans(s, func(at int) { softmaxGradLane(log, s.N, s.Inner, out[at:], up[at:], down[at:]) })
}

func softmaxGradLane[F Float](log bool, n, stride int, y, gy, gx []F) {
	dot := 0.0
	for i := range n {
		if log {
			dot += float64(gy[i*stride])
		} else {
			dot += float64(gy[i*stride]) * float64(y[i*stride])
		}
	}
	for i := range n {
		at := i * stride
		if log {
			gx[at] = F(float64(gy[at]) - math.Exp(float64(y[at]))*dot)
		} else {
			gx[at] = F(float64(y[at]) * (float64(gy[at]) - dot))
		}
	}
}

// overSpans calls f with the offset of every lane along the middle dimension.
func (d *Device[F]) overSpans(s kernel.Span, f func(at int)) {
	d.pool.For(s.Outer*s.Inner, max(1, Grain/8/max(1, s.N)), func(lo, hi int) {
		for lane := lo; lane < hi; lane++ {
			f(lane/s.Inner*s.N*s.Inner + lane%s.Inner)
		}
	})
}

// CrossEntropy implements kernel.Reductions.
func (d *Device[F]) CrossEntropy(rows, classes int, logits, labels, losses kernel.Buffer) {
	in, index, out := Floats[F](logits), Ints(labels), Floats[F](losses)
	d.pool.For(rows, max(1, Grain/8/classes), func(lo, hi int) {
		for r := lo; r < hi; r++ {
			out[r] = crossEntropyRow(in[r*classes:][:classes], index[r])
		}
	})
}

func crossEntropyRow[F Float](logits []F, label int32) F {
	if label < 0 {
		return 0
	}
	largest, rest := logSumExp(logits)
	return F(largest - float64(logits[label]) + rest)
}

// CrossEntropyGrad implements kernel.Reductions.
func (d *Device[F]) CrossEntropyGrad(rows, classes int, logits, labels, scale, g kernel.Buffer) {
	in, index, factor, down := Floats[F](logits), Ints(labels), Floats[F](scale), Floats[F](g)
	d.pool.For(rows, max(1, Grain/8/classes), func(lo, hi int) {
		for r := lo; r < hi; r++ {
			crossEntropyGradRow(in[r*classes:][:classes], index[r], factor[r], down[r*classes:][:classes])
		}
	})
}

func crossEntropyGradRow[F Float](logits []F, label int32, scale F, g []F) {
	if label < 0 {
		clear(g)
		return
	}
	largest, rest := logSumExp(logits)
	for i, v := range logits {
		g[i] = scale * F(math.Exp(float64(v)-largest-rest))
	}
	g[label] -= scale
}

// logSumExp is ln Σ exp(x) as the sum of two numbers: the largest x and the rest.
func logSumExp[F Float](x []F) (largest, rest float64) {
	largest = math.Inf(-1)
	for _, v := range x {
		largest = max(largest, float64(v))
	}
	total := 0.0
	for _, v := range x {
		total += math.Exp(float64(v) - largest)
	}
	return largest, math.Log(total)
}
