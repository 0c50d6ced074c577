package cpu

import (
	"math"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

func sum[F Float](x []F) float64 {
	total := 0.0
	for _, v := range x {
		total += float64(v)
	}
	return total
}

// reduceSpan reduces x [N, Inner] to y [Inner].
func reduceSpan[F Float](op kernel.Reduce, s kernel.Span, scale F, x, y []F) {
	if op == kernel.Sum && s.Inner == 1 {
		y[0] = scale * F(sum(x))
		return
	}
	for i := range y {
		if op == kernel.Max {
			y[i] = F(math.Inf(-1))
		} else {
			y[i] = 0
		}
	}
	for n := range s.N {
		row := x[n*s.Inner:][:s.Inner]
		for i, v := range row {
			if op == kernel.Max {
				y[i] = max(y[i], v)
			} else {
				y[i] += v
			}
		}
	}
	for i := range y {
		y[i] *= scale
	}
}

// sumTo adds every element of x to the element of y that broadcasting took it from.
func sumTo[F Float](s kernel.Broadcast, x, y []F) {
	clear(y)
	if s.Rank == 0 {
		y[0] = x[0]
		return
	}
	last := s.Rank - 1
	inner, stride := s.Shape[last], s.StrideA[last]
	for row := 0; row*inner < len(x); row++ {
		offset := 0
		for rest, dim := row, last-1; dim >= 0; dim-- {
			offset += rest % s.Shape[dim] * s.StrideA[dim]
			rest /= s.Shape[dim]
		}
		values := x[row*inner:][:inner]
		if stride == 0 {
			y[offset] += F(sum(values))
			continue
		}
		for i, v := range values {
			y[offset+i*stride] += v
		}
	}
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

func crossEntropyRow[F Float](logits []F, label int32) F {
	if label < 0 {
		return 0
	}
	largest, rest := logSumExp(logits)
	return F(largest - float64(logits[label]) + rest)
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
