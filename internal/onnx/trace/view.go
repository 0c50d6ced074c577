package trace

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/internal/onnx"
)

// layout is a strided view of a buffer: element (i, j, …) is element offset + i·strides[0] + j·strides[1] + … of it.
type layout struct {
	offset         int
	shape, strides []int
}

// newLayout is the layout of one side of a kernel that describes its operands by kernel.Dims.
func newLayout(rank, offset int, shape, strides kernel.Dims) layout {
	return layout{offset, slices.Clone(shape[:rank]), slices.Clone(strides[:rank])}
}

// box is a layout as a part of a contiguous tensor: entries [from, from+size) of each dimension, in another order.
type box struct {
	whole, from, size []int // the tensor, and what of it
	order             []int // of the layout's dimensions that have a stride and several entries, outermost first
}

// boxOf finds the tensor of n elements that a layout takes a box of: its strides are the sizes of what lies within a dimension.
func boxOf(l layout, n int) (b box, ok bool) {
	for i := range l.shape {
		if l.shape[i] != 1 && l.strides[i] != 0 {
			b.order = append(b.order, i)
		}
	}
	slices.SortStableFunc(b.order, func(i, j int) int { return cmp.Compare(l.strides[j], l.strides[i]) })
	within, offset := n, l.offset
	add := func(stride, size int) {
		if stride == 0 || within%stride != 0 || offset/stride+size > within/stride {
			ok = false
			return
		}
		b.whole, b.from, b.size = append(b.whole, within/stride), append(b.from, offset/stride), append(b.size, size)
		within, offset = stride, offset%stride
	}
	ok = true
	for _, i := range b.order {
		add(l.strides[i], l.shape[i])
	}
	if within > 1 || len(b.whole) == 0 {
		add(1, 1)
	}
	return b, ok
}

// view returns the numbers of a layout in its shape. Dimensions of stride 0 have size 1.
func (t *Tracer) view(b kernel.Buffer, l layout) *value {
	v, from := t.at(b)
	l.offset += from
	shape := slices.Clone(l.shape)
	for i, s := range l.strides {
		if s == 0 {
			shape[i] = 1
		}
	}
	if v.constant() && v.name == "" {
		return v.part(l, shape)
	}
	part, ok := boxOf(l, v.len())
	if !ok {
		fail("a view of %v with strides %v from %d on of a value of shape %v is no box", l.shape, l.strides, l.offset, v.shape)
	}
	y := t.reshape(v, part.whole)
	for axis := range part.whole {
		y = t.slice(y, axis, part.from[axis], part.size[axis])
	}
	y = t.reshape(y, part.size[:len(part.order)]) // without the last dimension, if it only selects
	back := make([]int, len(part.order))          // ascending in the layout
	for i := range back {
		back[i] = i
	}
	slices.SortFunc(back, func(i, j int) int { return part.order[i] - part.order[j] })
	return t.reshape(t.transpose(y, back...), shape)
}

// part returns the elements of a layout of a constant.
func (v *value) part(l layout, shape []int) *value {
	c := &value{shape: shape, kind: v.kind, wish: v.wish}
	if v.fill {
		c.floats, c.ints, c.fill = v.floats, v.ints, true
		return c
	}
	n, steps := product(shape), slices.Clone(l.strides)
	if contiguous(shape, steps) {
		if v.ints != nil {
			c.ints = v.ints[l.offset:][:n]
		} else {
			c.floats = v.floats[l.offset:][:n]
		}
		c.key = fmt.Sprint(v.key, l.offset)
		return c
	}
	c.key = fmt.Sprint(v.key, l)
	if v.ints != nil {
		c.ints = make([]int32, 0, n)
	} else {
		c.floats = make([]float32, 0, n)
	}
	index := make([]int, len(shape))
	for at := l.offset; ; {
		if v.ints != nil {
			c.ints = append(c.ints, v.ints[at])
		} else {
			c.floats = append(c.floats, v.floats[at])
		}
		axis := len(shape) - 1
		for ; axis >= 0; axis-- {
			if index[axis]++; index[axis] < shape[axis] {
				at += steps[axis]
				break
			}
			at -= (shape[axis] - 1) * steps[axis]
			index[axis] = 0
		}
		if axis < 0 {
			return c
		}
	}
}

// contiguous reports whether a view of that shape goes through memory without gaps, in row-major order.
func contiguous(shape, strides []int) bool {
	step := 1
	for i := len(shape) - 1; i >= 0; i-- {
		if shape[i] != 1 && strides[i] != step {
			return false
		}
		step *= shape[i]
	}
	return true
}

// filled returns a buffer's worth of one number.
func filled(x float64, n int) *value {
	return &value{shape: []int{n}, kind: onnx.Float, floats: []float32{float32(x)}, fill: true}
}
