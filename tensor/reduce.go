package tensor

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// span views t as [outer, n, inner], where n is the size of a dimension.
func (t *Tensor) span(axis int) kernel.Span {
	return kernel.Span{Outer: count(t.dims[:axis]), N: t.dims[axis], Inner: count(t.dims[axis+1 : t.rank])}
}

// Sum sums over the given dimensions, which are removed; without any, over all. They must be adjacent and ascending.
func (t *Tensor) Sum(axes ...int) *Tensor { return t.sum(1, axes) }

// Mean averages over the given dimensions, which are removed; without any, over all. They must be adjacent and ascending.
func (t *Tensor) Mean(axes ...int) *Tensor {
	first, last := t.axisRange(axes)
	return t.sum(1/float64(count(t.dims[first:last])), axes)
}

func (t *Tensor) axisRange(axes []int) (first, last int) {
	if len(axes) == 0 {
		return 0, t.rank
	}
	first = t.axis(axes[0])
	for i, a := range axes {
		if t.axis(a) != first+i {
			panic(fmt.Sprintf("tensor: reduced dimensions %v of %v are not adjacent and ascending", axes, t))
		}
	}
	return first, first + len(axes)
}

func (t *Tensor) sum(scale float64, axes []int) *Tensor {
	first, last := t.axisRange(axes)
	var shape [kernel.MaxDims]int
	rank := copy(shape[:], t.dims[:first])
	rank += copy(shape[rank:], t.dims[last:t.rank])
	s := kernel.Span{Outer: count(t.dims[:first]), N: count(t.dims[first:last]), Inner: count(t.dims[last:t.rank])}
	y := t.device.empty(shape[:rank]...)
	t.kernels().Reduce(kernel.Sum, s, scale, t.data, y.data)
	if t.device.recording(t) {
		t.device.record(func() {
			t.addGrad(func(dst kernel.Buffer) {
				spread := kernel.Strided{
					Rank: 3, Shape: kernel.Dims{s.Outer, s.N, s.Inner},
					StrideDst: kernel.Dims{s.N * s.Inner, s.Inner, 1}, StrideSrc: kernel.Dims{s.Inner, 0, 1},
				}
				t.kernels().Copy(spread, dst, y.grad)
				if scale != 1 {
					t.kernels().Unary(kernel.Scale, scale, dst, dst)
				}
			})
		}, y)
	}
	return y
}

// MaxOver returns the largest elements along a dimension, which is removed. It has no gradient.
func (t *Tensor) MaxOver(axis int) *Tensor {
	axis = t.axis(axis)
	var shape [kernel.MaxDims]int
	rank := copy(shape[:], t.dims[:axis])
	rank += copy(shape[rank:], t.dims[axis+1:t.rank])
	y := t.device.empty(shape[:rank]...)
	t.kernels().Reduce(kernel.Max, t.span(axis), 1, t.data, y.data)
	return y
}

// ArgMax returns, for t [..., n], the index of the largest element of each row, [...]; the first among equals.
func (t *Tensor) ArgMax() *Tensor {
	if t.Dim(-1) == 0 {
		panic(fmt.Sprintf("tensor: ArgMax of rows without elements, %v", t))
	}
	y := t.device.emptyInts(t.dims[:t.rank-1]...)
	t.kernels().ArgMax(y.Len(), t.Dim(-1), t.data, y.data)
	return y
}

// Softmax returns exp(t)/Σ exp(t), where the sum is along a dimension.
func (t *Tensor) Softmax(axis int) *Tensor { return t.softmax(false, t.axis(axis)) }

// LogSoftmax returns the logarithm of Softmax, t − log Σ exp(t).
func (t *Tensor) LogSoftmax(axis int) *Tensor { return t.softmax(true, t.axis(axis)) }

func (t *Tensor) softmax(log bool, axis int) *Tensor {
	s := t.span(axis)
	y := t.device.empty(t.Shape()...)
	t.kernels().Softmax(log, s, t.data, y.data)
	if t.device.recording(t) {
		t.device.record(func() {
			t.moveGrad(y, func(g kernel.Buffer) { t.kernels().SoftmaxGrad(log, s, y.data, g, g) })
		}, y)
	}
	return y
}
