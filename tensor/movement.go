package tensor

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// Reshape returns a view of t with another shape. One size may be −1: it is computed from the others.
func (t *Tensor) Reshape(shape ...int) *Tensor {
	var dims [kernel.MaxDims]int
	copy(dims[:], shape)
	known, open := 1, -1
	for i, s := range shape {
		if s == -1 && open < 0 {
			open = i
		} else {
			known *= s
		}
	}
	if open >= 0 && known > 0 {
		dims[open] = t.Len() / known
		known *= dims[open]
	}
	if known != t.Len() {
		panic(fmt.Sprintf("tensor: %v can't be reshaped to %v", t, shape))
	}
	y := t.device.wrap(t.data, dims[:len(shape)])
	y.ints = t.ints
	if t.device.recording(t) {
		t.device.record(func() { t.moveGrad(y, nil) }, y)
	}
	return y
}

// contiguous returns the row-major strides of a shape.
func contiguous(shape []int) (strides kernel.Dims) {
	step := 1
	for i := len(shape) - 1; i >= 0; i-- {
		strides[i] = step
		step *= shape[i]
	}
	return strides
}

// Permute reorders the dimensions: dimension i of the result is dimension order[i] of t. The elements are copied.
func (t *Tensor) Permute(order ...int) *Tensor {
	if len(order) != t.rank {
		panic(fmt.Sprintf("tensor: Permute of %v by %v", t, order))
	}
	var shape, from, seen kernel.Dims
	strides := contiguous(t.Shape())
	for i, axis := range order {
		axis = t.axis(axis)
		shape[i], from[i] = t.dims[axis], strides[axis]
		seen[axis]++
	}
	for _, times := range seen[:t.rank] {
		if times != 1 {
			panic(fmt.Sprintf("tensor: Permute of %v by %v", t, order))
		}
	}
	y := t.emptyLike(shape[:t.rank]...)
	move := kernel.Strided{Rank: t.rank, Shape: shape, StrideDst: contiguous(y.Shape()), StrideSrc: from}
	t.kernels().Copy(move, y.data, t.data)
	if t.device.recording(t) {
		t.device.record(func() {
			t.addGrad(func(dst kernel.Buffer) { t.kernels().Copy(reversed(move), dst, y.grad) })
		}, y)
	}
	return y
}

// Transpose swaps dimensions a and b. The elements are copied.
func (t *Tensor) Transpose(a, b int) *Tensor {
	var order [kernel.MaxDims]int
	for i := range order {
		order[i] = i
	}
	a, b = t.axis(a), t.axis(b)
	order[a], order[b] = b, a
	return t.Permute(order[:t.rank]...)
}

// reversed swaps source and destination.
func reversed(s kernel.Strided) kernel.Strided {
	s.OffsetDst, s.OffsetSrc = s.OffsetSrc, s.OffsetDst
	s.StrideDst, s.StrideSrc = s.StrideSrc, s.StrideDst
	return s
}

// Slice returns a copy of the entries [from, to) of a dimension.
func (t *Tensor) Slice(axis, from, to int) *Tensor {
	axis = t.axis(axis)
	if from < 0 || to > t.dims[axis] || from > to {
		panic(fmt.Sprintf("tensor: Slice [%d:%d) of dimension %d of %v", from, to, axis, t))
	}
	shape := t.dims
	shape[axis] = to - from
	y := t.emptyLike(shape[:t.rank]...)
	move := block(t, axis, from, y)
	t.kernels().Copy(move, y.data, t.data)
	if t.device.recording(t) {
		t.device.record(func() {
			t.addGrad(func(dst kernel.Buffer) {
				t.kernels().Fill(dst, 0)
				t.kernels().Copy(reversed(move), dst, y.grad)
			})
		}, y)
	}
	return y
}

// block describes the copy of a part of whole to part: from entry from of a dimension on, of part's shape.
func block(whole *Tensor, axis, from int, part *Tensor) kernel.Strided {
	inner := count(whole.dims[axis+1 : whole.rank])
	return kernel.Strided{
		Rank: 2, Shape: kernel.Dims{count(whole.dims[:axis]), part.dims[axis] * inner},
		OffsetSrc: from * inner, StrideSrc: kernel.Dims{whole.dims[axis] * inner, 1},
		StrideDst: kernel.Dims{part.dims[axis] * inner, 1},
	}
}

// Concat concatenates tensors along a dimension; their other dimensions must be equal.
func Concat(axis int, parts ...*Tensor) *Tensor {
	first := parts[0]
	axis = first.axis(axis)
	shape := first.dims
	shape[axis] = 0
	for _, p := range parts {
		for i := range first.rank {
			if p.rank != first.rank || p.ints != first.ints || i != axis && p.dims[i] != first.dims[i] {
				panic(fmt.Sprintf("tensor: Concat of %v and %v along dimension %d", first, p, axis))
			}
		}
		shape[axis] += p.dims[axis]
	}
	d := first.device
	y := first.emptyLike(shape[:first.rank]...)
	at := 0
	for _, p := range parts {
		d.kernels.Copy(reversed(block(y, axis, at, p)), y.data, p.data)
		at += p.dims[axis]
	}
	if d.recording(parts...) {
		parts := append([]*Tensor(nil), parts...)
		d.record(func() {
			at := 0
			for _, p := range parts {
				p.addGrad(func(dst kernel.Buffer) { d.kernels.Copy(block(y, axis, at, p), dst, y.grad) })
				at += p.dims[axis]
			}
		}, y)
	}
	return y
}

// Gather selects entries of a dimension by a vector of indices: entry j of the result's dimension is entry index[j] of t's. An
// index of −1 gives zeros; others must be in range.
func (t *Tensor) Gather(axis int, index *Tensor) *Tensor {
	axis = t.axis(axis)
	if t.ints || !index.ints {
		panic("tensor: Gather wants numbers and a tensor of indices")
	}
	s := t.span(axis)
	shape := t.dims
	shape[axis] = index.Len()
	y := t.device.empty(shape[:t.rank]...)
	t.kernels().Gather(s, t.data, index.data, y.data)
	if t.device.recording(t) {
		t.device.record(func() {
			t.addGrad(func(dst kernel.Buffer) { t.kernels().ScatterAdd(s, y.grad, index.data, dst) })
		}, y)
	}
	return y
}

// Embedding returns the rows of a table t [V, D] by index, a tensor of indices [...], as [..., D].
func (t *Tensor) Embedding(index *Tensor) *Tensor {
	if t.rank != 2 {
		panic(fmt.Sprintf("tensor: Embedding in %v, want a table [V, D]", t))
	}
	var shape [kernel.MaxDims]int
	rank := copy(shape[:], index.Shape())
	shape[rank] = t.dims[1]
	return t.Gather(0, index).Reshape(shape[:rank+1]...)
}

// Expand repeats dimensions of size 1 to the given sizes.
func (t *Tensor) Expand(shape ...int) *Tensor {
	if len(shape) != t.rank {
		panic(fmt.Sprintf("tensor: Expand of %v to %v", t, shape))
	}
	strides := contiguous(t.Shape())
	for i := range shape {
		if t.dims[i] == 1 {
			strides[i] = 0
		} else if t.dims[i] != shape[i] {
			panic(fmt.Sprintf("tensor: Expand of %v to %v", t, shape))
		}
	}
	y := t.emptyLike(shape...)
	move := kernel.Strided{Rank: t.rank, StrideDst: contiguous(shape), StrideSrc: strides}
	copy(move.Shape[:], shape)
	t.kernels().Copy(move, y.data, t.data)
	if t.device.recording(t) {
		t.device.record(func() {
			_, s := broadcast(t.Shape(), y.Shape())
			t.addGrad(func(dst kernel.Buffer) { t.device.sumTo(s, y.grad, dst) })
		}, y)
	}
	return y
}
