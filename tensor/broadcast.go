package tensor

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// broadcast aligns two shapes at their last dimension, as NumPy does, and returns the common shape and the strides of both
// operands, with neighbouring dimensions merged where both operands allow it.
func broadcast(a, b []int) ([]int, kernel.Broadcast) {
	rank := max(len(a), len(b))
	var dims, strideA, strideB kernel.Dims
	stepA, stepB := 1, 1
	for i := rank - 1; i >= 0; i-- {
		sizeA, sizeB := 1, 1
		if at := i - rank + len(a); at >= 0 {
			sizeA = a[at]
		}
		if at := i - rank + len(b); at >= 0 {
			sizeB = b[at]
		}
		switch {
		case sizeA == sizeB:
			dims[i] = sizeA
		case sizeA == 1:
			dims[i] = sizeB
		case sizeB == 1:
			dims[i] = sizeA
		default:
			panic(fmt.Sprintf("tensor: shapes %v and %v don't broadcast", a, b))
		}
		if sizeA > 1 {
			strideA[i] = stepA
		}
		if sizeB > 1 {
			strideB[i] = stepB
		}
		stepA *= sizeA
		stepB *= sizeB
	}
	shape := make([]int, rank)
	copy(shape, dims[:rank])

	var s kernel.Broadcast
	for i := range rank {
		if dims[i] == 1 {
			continue
		}
		last := s.Rank - 1
		if s.Rank > 0 && s.StrideA[last] == strideA[i]*dims[i] && s.StrideB[last] == strideB[i]*dims[i] {
			s.Shape[last] *= dims[i]
			s.StrideA[last], s.StrideB[last] = strideA[i], strideB[i]
			continue
		}
		s.Shape[s.Rank], s.StrideA[s.Rank], s.StrideB[s.Rank] = dims[i], strideA[i], strideB[i]
		s.Rank++
	}
	if s.Rank == 0 {
		s.Rank, s.Shape[0] = 1, 1
	}
	return shape, s
}

// flipped swaps the operands.
func flipped(s kernel.Broadcast) kernel.Broadcast {
	s.StrideA, s.StrideB = s.StrideB, s.StrideA
	return s
}

// sumTo sums x, of the broadcast shape, over the dimensions along which the operand with strides StrideA is repeated.
func (d *Device) sumTo(s kernel.Broadcast, x, y kernel.Buffer) {
	switch {
	case x.Len == y.Len:
		d.kernels.Copy(kernel.Contiguous(x.Len), y, x)
	case y.Len == 1:
		d.kernels.Reduce(kernel.Sum, kernel.Span{Outer: 1, N: x.Len, Inner: 1}, 1, x, y)
	case s.Rank == 2 && s.StrideA[0] == 0 && s.StrideA[1] == 1:
		d.kernels.Reduce(kernel.Sum, kernel.Span{Outer: 1, N: s.Shape[0], Inner: s.Shape[1]}, 1, x, y)
	case s.Rank == 2 && s.StrideA[0] == 1 && s.StrideA[1] == 0:
		d.kernels.Reduce(kernel.Sum, kernel.Span{Outer: s.Shape[0], N: s.Shape[1], Inner: 1}, 1, x, y)
	default:
		d.kernels.SumTo(s, x, y)
	}
}
