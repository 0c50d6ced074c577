package vector

import (
	"github.com/bestiary-ml/bestiary/internal/cpu/portable"
	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// binaryRowJob is a pointwise combination over one long row, which is split.
type binaryRowJob struct {
	simd             *simd.Passes
	op               kernel.Binary
	strideA, strideB int // 0 or 1
	a, b, y          []float32
}

// binaryJob is one over many rows.
type binaryJob struct {
	binaryRowJob
	broadcast kernel.Broadcast
	columns   int
}

// Binary implements kernel.Elementwise.
func (d *Device) Binary(op kernel.Binary, s kernel.Broadcast, a, b, y kernel.Buffer) {
	out := f32(y)
	if len(out) == 0 {
		return
	}
	if s.Rank == 0 { // one number: a row of one
		s.Rank, s.Shape[0] = 1, 1
	}
	last := s.Rank - 1
	j := binaryRowJob{d.simd, op, s.StrideA[last], s.StrideB[last], f32(a), f32(b), out}
	if s.Rank == 1 && j.strideA <= 1 && j.strideB <= 1 {
		run(d, len(out), grain, &d.jobs.binaryRow, j)
		return
	}
	columns := s.Shape[last]
	run(d, len(out)/columns, rowsPerTask(columns), &d.jobs.binary, binaryJob{j, s, columns})
}

func (j *binaryRowJob) chunk(lo, hi int) { j.row(lo*j.strideA, lo*j.strideB, lo, hi) }

func (j *binaryJob) chunk(lo, hi int) {
	s := &j.broadcast
	at := newOdometer(s.Rank-1, &s.Shape, &s.StrideA, &s.StrideB, lo)
	for r := lo; r < hi; r++ {
		j.row(at.a, at.b, r*j.columns, (r+1)*j.columns)
		at.next()
	}
}

// row computes elements [lo, hi) of the result from the operands at the given offsets.
func (j *binaryRowJob) row(offsetA, offsetB, lo, hi int) {
	a, b, y := j.a[offsetA:], j.b[offsetB:], j.y[lo:hi]
	switch {
	case j.strideA == 1 && j.strideB == 1:
		j.simd.Binary[j.op](a[:len(y)], b[:len(y)], y)
	case j.strideA == 1 && j.strideB == 0:
		j.simd.BinaryRight[j.op](a[:len(y)], b[0], y)
	case j.strideA == 0 && j.strideB == 1:
		j.simd.BinaryLeft[j.op](a[0], b[:len(y)], y)
	default:
		portable.BinaryRow(j.op, a, j.strideA, b, j.strideB, y)
	}
}

// odometer steps through the positions of two strided operands, over all but the last dimension.
type odometer struct {
	dims             int
	shape            *kernel.Dims
	strideA, strideB *kernel.Dims
	digits           kernel.Dims
	a, b             int // offsets
}

// newOdometer returns an odometer at position number start.
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
