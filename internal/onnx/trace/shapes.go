package trace

import "slices"

// reshape gives a value another shape.
func (t *Tracer) reshape(v *value, shape []int) *value {
	switch {
	case slices.Equal(v.shape, shape):
		return v
	case v.len() != product(shape) || v.len() == 0:
		fail("%v can't be reshaped to %v", v.shape, shape)
	case v.constant() && v.name == "":
		c := *v
		c.shape = slices.Clone(shape)
		return &c
	}
	if v.origin == nil && v.base != nil { // a reshaped value is reshaped from the start
		v = v.base
		if slices.Equal(v.shape, shape) {
			return v
		}
	}
	if y := t.withoutOnes(v, shape); y != nil {
		return y
	}
	last := len(shape) - 1 // of the open sizes, which follows from the others
	for last >= 0 && !t.follows(shape[last]) {
		last--
	}
	y := t.node("Reshape", v.kind, shape, []*value{v, t.sizes(shape, func(i int) (int64, bool) { return -1, i == last })})
	y.base = v
	return y
}

// withoutOnes reshapes a picture with open sides where only dimensions of size 1 come or go, which needs no sizes. It returns nil for
// other shapes.
func (t *Tracer) withoutOnes(v *value, shape []int) *value {
	if !t.openSides() {
		return nil
	}
	split := func(shape []int) (sizes []int, ones []int64) {
		for i, s := range shape {
			if s == 1 {
				ones = append(ones, int64(i))
			} else {
				sizes = append(sizes, s)
			}
		}
		return sizes, ones
	}
	sizes, before := split(v.shape)
	same, after := split(shape)
	if !slices.Equal(sizes, same) {
		return nil
	}
	if len(before) > 0 {
		v = t.node("Squeeze", v.kind, sizes, []*value{v, t.int64s(before...)})
	}
	if len(after) > 0 {
		v = t.node("Unsqueeze", v.kind, shape, []*value{v, t.int64s(after...)})
	}
	return v
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
	if isOpen(whole) {
		if whole%N != 0 || from%N != 0 || size%N != 0 {
			fail("entries %d to %d of a dimension of open size are taken", from, from+size)
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
	// Expand keeps a dimension where 1 is asked for.
	return t.node("Expand", v.kind, shape, []*value{v, t.sizes(shape, func(i int) (int64, bool) { return 1, v.shape[i] == shape[i] })})
}

// sizes returns a shape as a vector. known may give a number that stands for the open size of a dimension.
func (t *Tracer) sizes(shape []int, known func(i int) (n int64, ok bool)) *value {
	var parts []*value
	var numbers []int64
	flush := func() {
		if len(numbers) > 0 {
			parts, numbers = append(parts, t.int64s(numbers...)), nil
		}
	}
	for i, s := range shape {
		if !t.follows(s) {
			if t.openSides() && s > N { // it follows from the sides
				fail("a shape of %v is needed, with a size that doesn't follow from the picture's", shape)
			}
			numbers = append(numbers, int64(s))
		} else if n, ok := known(i); ok {
			numbers = append(numbers, n)
		} else {
			flush()
			parts = append(parts, t.size(s))
		}
	}
	flush()
	if len(parts) == 0 {
		return t.int64s()
	}
	return t.concat(0, parts...)
}

// gather takes entries of a dimension by constant indices.
func (t *Tracer) gather(v *value, axis int, index []int32) *value {
	shape := slices.Clone(v.shape)
	shape[axis] = len(index)
	return t.node("Gather", v.kind, shape, []*value{v, indices(index)}, attribute("axis", axis))
}
