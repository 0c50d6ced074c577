package trace

import (
	"slices"

	"github.com/bestiary-ml/bestiary/internal/onnx"
)

// reshape gives a value another shape.
func (t *Tracer) reshape(v *value, shape []int) *value {
	switch {
	case slices.Equal(v.shape, shape):
		return v
	case v.len() != product(shape):
		fail("%v can't be reshaped to %v", v.shape, shape)
	case v.constant() && v.name == "":
		c := *v
		c.shape = slices.Clone(shape)
		return &c
	}
	sizes, open := make([]int64, len(shape)), false
	for i, s := range shape {
		switch {
		case s%N != 0:
			sizes[i] = int64(s)
		case open || s == 0:
			fail("the shape %v has several dimensions with the batch, or none in one", shape)
		default:
			sizes[i], open = -1, true
		}
	}
	if v.origin == nil && v.base != nil { // a reshaped value is reshaped from the start
		v = v.base
		if slices.Equal(v.shape, shape) {
			return v
		}
	}
	y := t.node("Reshape", v.kind, shape, []*value{v, t.int64s(sizes...)})
	y.base = v
	return y
}

// transpose reorders dimensions: dimension i of the result is dimension order[i] of v.
func (t *Tracer) transpose(v *value, order ...int) *value {
	shape, same := make([]int, len(order)), true
	for i, axis := range order {
		shape[i], same = v.shape[axis], same && i == axis
	}
	switch {
	case same:
		return v
	case v.constant() && v.name == "":
		l := layout{shape: shape, strides: make([]int, len(order))}
		for i, axis := range order {
			l.strides[i] = product(v.shape[axis+1:])
		}
		return v.part(l, shape)
	}
	if v.origin != nil { // one transposition in place of two
		both := make([]int, len(order))
		for i, axis := range order {
			both[i] = v.order[axis]
		}
		return t.transpose(v.origin, both...)
	}
	y := t.node("Transpose", v.kind, shape, []*value{v}, attribute("perm", order))
	y.origin, y.order = v, slices.Clone(order)
	return y
}

// slice takes size entries of a dimension from one on. Where the dimension has several batches, these must be whole ones.
func (t *Tracer) slice(v *value, axis, from, size int) *value {
	whole := v.shape[axis]
	if from == 0 && size == whole {
		return v
	}
	shape := slices.Clone(v.shape)
	shape[axis] = size
	if whole%N == 0 {
		if from%N != 0 || size%N != 0 {
			fail("entries %d to %d of a dimension with the batch are taken", from, from+size)
		}
		apart := slices.Insert(slices.Clone(v.shape), axis, whole/N)
		apart[axis+1] = N
		return t.reshape(t.slice(t.reshape(v, apart), axis, from/N, size/N), shape)
	}
	if v.constant() && v.name == "" {
		l := layout{offset: from * product(v.shape[axis+1:]), shape: shape, strides: make([]int, len(shape))}
		for i := range shape {
			l.strides[i] = product(v.shape[i+1:])
		}
		return v.part(l, shape)
	}
	one := func(x int) *value { return t.int64s(int64(x)) }
	return t.node("Slice", v.kind, shape, []*value{v, one(from), one(from + size), one(axis)})
}

// concat concatenates values along a dimension.
func (t *Tracer) concat(axis int, parts ...*value) *value {
	if len(parts) == 1 {
		return parts[0]
	}
	shape := slices.Clone(parts[0].shape)
	for _, p := range parts[1:] {
		shape[axis] += p.shape[axis]
	}
	return t.node("Concat", parts[0].kind, shape, parts, attribute("axis", axis))
}

// expand repeats dimensions of size 1 to a shape of the same rank.
func (t *Tracer) expand(v *value, shape []int) *value {
	if slices.Equal(v.shape, shape) {
		return v
	}
	if v.constant() && v.name == "" && v.len() == 1 && !v.fill && !dynamic(shape) && product(shape) <= 1<<20 {
		c := &value{shape: slices.Clone(shape), kind: v.kind}
		if v.floats != nil {
			c.floats = slices.Repeat(v.floats[:1], product(shape))
		} else {
			c.ints = slices.Repeat(v.ints[:1], product(shape))
		}
		return c
	}
	var parts []*value
	var known []int64
	flush := func() {
		if len(known) > 0 {
			parts, known = append(parts, t.int64s(known...)), nil
		}
	}
	for i, s := range shape {
		switch {
		case s%N != 0 || s == 0:
			known = append(known, int64(s))
		case v.shape[i] == s: // Expand keeps a dimension where 1 is asked for
			known = append(known, 1)
		default:
			flush()
			parts = append(parts, t.batch(s/N))
		}
	}
	flush()
	return t.node("Expand", v.kind, shape, []*value{v, t.concat(0, parts...)})
}

// batch returns k times the size of the batch, a vector of one number.
func (t *Tracer) batch(k int) *value {
	if t.input == nil {
		fail("something of the size of the batch comes before the first input")
	}
	sizes := t.node("Shape", onnx.Int64, []int{len(t.input.shape)}, []*value{t.input})
	n := t.node("Gather", onnx.Int64, []int{1}, []*value{sizes, t.int64s(0)}, attribute("axis", 0))
	if k == 1 {
		return n
	}
	return t.node("Mul", onnx.Int64, []int{1}, []*value{n, t.int64s(int64(k))})
}

// gather takes entries of a dimension by constant indices.
func (t *Tracer) gather(v *value, axis int, index []int32) *value {
	shape := slices.Clone(v.shape)
	shape[axis] = len(index)
	return t.node("Gather", v.kind, shape, []*value{v, indices(index)}, attribute("axis", axis))
}
