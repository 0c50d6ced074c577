package cpu

import "github.com/bestiary-ml/bestiary/internal/kernel"

func (p *passes) fill(y []float32, value float32) {
	p.elements(len(y), job{a: value, y: y}, func(j *job, lo, hi int) { j.Fill(j.a, j.y[lo:hi]) })
}

func (p *passes) unary(op kernel.Unary, a float32, x, y []float32) {
	p.elements(len(y), job{op: int(op), a: a, x: x, y: y}, func(j *job, lo, hi int) {
		j.Unary[j.op](j.a, j.x[lo:hi], j.y[lo:hi])
	})
}

func (p *passes) unaryGrad(op kernel.Unary, a float32, x, y, gy, gx []float32) {
	p.elements(len(gx), job{op: int(op), a: a, x: x, y: y, gy: gy, gx: gx}, func(j *job, lo, hi int) {
		j.UnaryGrad[j.op](j.a, part(j.x, lo, hi), part(j.y, lo, hi), j.gy[lo:hi], j.gx[lo:hi])
	})
}

func (p *passes) addScaled(a float32, x, y []float32) {
	p.elements(len(y), job{a: a, x: x, y: y}, func(j *job, lo, hi int) { j.AddScaled(j.a, j.x[lo:hi], j.y[lo:hi]) })
}

// outputSlope is the function whose derivative at its output y is act's, and its parameter; false without an activation.
func outputSlope(act kernel.Activation, slope float64) (op kernel.Unary, a float32, ok bool) {
	switch act {
	case kernel.ReLU:
		return kernel.ReLUOf, 0, true
	case kernel.LeakyReLU:
		return kernel.LeakyReLUOf, float32(slope), true
	case kernel.Tanh:
		return kernel.TanhOf, 0, true
	case kernel.Sigmoid:
		return kernel.SigmoidOf, 0, true
	}
	return 0, 0, false
}

func (p *passes) activationGrad(act kernel.Activation, slope float64, y, gy, gx []float32) {
	if op, a, ok := outputSlope(act, slope); ok {
		p.unaryGrad(op, a, nil, y, gy, gx)
		return
	}
	copy(gx, gy)
}

func (p *passes) pairLoss(loss kernel.PairLoss, beta float32, a, b []float32) float64 {
	j := job{x: a, y: b, a: beta}
	if loss == kernel.SmoothL1 {
		return p.sum(len(a), j, func(j *job, lo, hi int) { j.partial[lo/grain] = j.SmoothL1(j.a, j.x[lo:hi], j.y[lo:hi]) })
	}
	return p.sum(len(a), j, func(j *job, lo, hi int) { j.partial[lo/grain] = j.SquaredError(j.x[lo:hi], j.y[lo:hi]) })
}

func (p *passes) pairLossGrad(loss kernel.PairLoss, beta, factor float32, a, b, ga []float32) {
	if loss == kernel.SmoothL1 {
		p.elements(len(ga), job{x: a, y: b, gx: ga, a: beta, b: factor}, func(j *job, lo, hi int) {
			j.SmoothL1Grad(j.a, j.b, j.x[lo:hi], j.y[lo:hi], j.gx[lo:hi])
		})
		return
	}
	p.elements(len(ga), job{x: a, y: b, gx: ga, a: 2 * factor}, func(j *job, lo, hi int) {
		j.ScaledDifference(j.a, j.x[lo:hi], j.y[lo:hi], j.gx[lo:hi])
	})
}

func (p *passes) binary(op kernel.Binary, s kernel.Broadcast, a, b, y []float32) {
	if len(y) == 0 {
		return
	}
	if s.Rank == 0 { // one number: a row of one
		s.Rank, s.Shape[0] = 1, 1
	}
	j := job{op: int(op), broadcast: s, last: s.Rank - 1, size: s.Shape[s.Rank-1], x: a, s: b, y: y}
	if s.Rank == 1 && s.StrideA[0] <= 1 && s.StrideB[0] <= 1 { // one long row: split it
		p.elements(len(y), j, func(j *job, lo, hi int) { j.binaryRow(lo*j.broadcast.StrideA[0], lo*j.broadcast.StrideB[0], lo, hi) })
		return
	}
	p.overRows(len(y)/j.size, j.size, j, func(j *job, lo, hi int) {
		at := newOdometer(j.last, &j.broadcast.Shape, &j.broadcast.StrideA, &j.broadcast.StrideB, lo)
		for r := lo; r < hi; r++ {
			j.binaryRow(at.a, at.b, r*j.size, (r+1)*j.size)
			at.next()
		}
	})
}

// binaryRow computes elements [lo, hi) of the result from the operands at the given offsets.
func (j *job) binaryRow(offsetA, offsetB, lo, hi int) {
	strideA, strideB := j.broadcast.StrideA[j.last], j.broadcast.StrideB[j.last]
	y := j.y[lo:hi]
	a, b := j.x[offsetA:], j.s[offsetB:]
	switch {
	case strideA == 1 && strideB == 1:
		j.Binary[j.op](a[:len(y)], b[:len(y)], y)
	case strideA == 1 && strideB == 0:
		j.BinaryRight[j.op](a[:len(y)], b[0], y)
	case strideA == 0 && strideB == 1:
		j.BinaryLeft[j.op](a[0], b[:len(y)], y)
	default:
		binaryRow(kernel.Binary(j.op), a, strideA, b, strideB, y)
	}
}

func (p *passes) addProduct(rows, n int, x, y, s, out []float32) {
	p.overRows(rows, n, job{size: n, x: x, gx: y, s: s, y: out}, func(j *job, lo, hi int) {
		for r := lo; r < hi; r++ {
			out := row(j.y, r, j.size)
			j.Binary[kernel.Mul](row(j.gx, r, j.size), j.s, out)
			j.Binary[kernel.Add](row(j.x, r, j.size), out, out)
		}
	})
}

// odometer steps through the positions of two strided operands, over all but the last dimension.
type odometer struct {
	dims             int
	shape            *kernel.Dims
	strideA, strideB *kernel.Dims
	digits           kernel.Dims
	a, b             int // offsets
}

// newOdometer stands at position number start.
func newOdometer(dims int, shape, strideA, strideB *kernel.Dims, start int) odometer {
	o := odometer{dims: dims, shape: shape, strideA: strideA, strideB: strideB}
	for dim := dims - 1; dim >= 0; dim-- {
		o.digits[dim] = start % shape[dim]
		start /= shape[dim]
		o.a += o.digits[dim] * strideA[dim]
		o.b += o.digits[dim] * strideB[dim]
	}
	return o
}

func (o *odometer) next() {
	for dim := o.dims - 1; dim >= 0; dim-- {
		o.digits[dim]++
		o.a += o.strideA[dim]
		o.b += o.strideB[dim]
		if o.digits[dim] < o.shape[dim] {
			return
		}
		o.a -= o.shape[dim] * o.strideA[dim]
		o.b -= o.shape[dim] * o.strideB[dim]
		o.digits[dim] = 0
	}
}
