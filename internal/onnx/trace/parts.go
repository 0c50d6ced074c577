package trace

import (
	"slices"

	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/internal/onnx"
)

// parts are boxes of one tensor that were written one after the other, as when tensors are concatenated.
type parts struct {
	whole  []int
	before *value // contents until then; nil: none
	boxes  []written
}

type written struct {
	box
	v *value // of the box's size
}

// put writes a value, of the layout's shape, to the elements of a buffer that the layout has.
func (t *Tracer) put(b kernel.Buffer, l layout, v *value) {
	part, ok := boxOf(l, b.Len)
	if whole, from, known := t.allocated(b); !ok && known { // b begins within a row
		outer := slices.Index(l.strides, slices.Max(l.strides))
		if n := l.shape[outer] * l.strides[outer]; n <= whole.Len {
			b, l.offset = whole.Slice(0, n), l.offset+from
			part, ok = boxOf(l, n)
		}
	}
	if !ok || repeats(l) {
		fail("a layout of %v with strides %v is written, which is no box of %d numbers", l.shape, l.strides, b.Len)
	}
	kept := make([]int, len(part.order)) // the sizes of the layout's dimensions that count
	ascending := slices.Sorted(slices.Values(part.order))
	for i, axis := range ascending {
		kept[i] = l.shape[axis]
	}
	order := make([]int, len(part.order))
	for i, axis := range part.order {
		order[i] = slices.Index(ascending, axis)
	}
	v = t.reshape(t.transpose(t.reshape(v, kept), order...), part.size)
	if slices.Equal(part.size, part.whole) {
		t.write(b, v)
		return
	}
	i := t.find(start(b))
	if i < len(t.regions) {
		if r := &t.regions[i]; r.start == start(b) && r.end == end(b) && r.parts != nil && slices.Equal(r.parts.whole, part.whole) {
			r.parts.boxes = append(r.parts.boxes, written{part, v})
			return
		}
	}
	p := &parts{whole: part.whole}
	if t.defined(b) {
		p.before = t.reshape(t.whole(b), part.whole)
	}
	p.boxes = []written{{part, v}}
	t.forget(start(b), end(b))
	t.regions = slices.Insert(t.regions, t.find(start(b)), region{start: start(b), end: end(b), parts: p})
}

// repeats reports whether a layout has an element several times.
func repeats(l layout) bool {
	for i, s := range l.strides {
		if s == 0 && l.shape[i] > 1 {
			return true
		}
	}
	return false
}

// defined reports whether all of a buffer has a value.
func (t *Tracer) defined(b kernel.Buffer) bool {
	at := start(b)
	for i := t.find(at); i < len(t.regions) && t.regions[i].start <= at; i++ {
		if at = t.regions[i].end; at >= end(b) {
			return true
		}
	}
	return false
}

// settle makes one value of a region's parts.
func (t *Tracer) settle(i int) {
	p := t.regions[i].parts
	if p == nil {
		return
	}
	v := t.concatenated(p)
	switch {
	case v != nil:
	case p.before == nil && len(p.boxes) == 1 && p.boxes[0].v.kind == onnx.Float: // what is never written is never used
		v = t.surrounded(p.boxes[0], 0)
	case p.before != nil && p.before.fill && len(p.boxes) == 1:
		v = t.surrounded(p.boxes[0], p.before.floats[0])
	default:
		if v = p.before; v == nil {
			v = t.reshape(filled(0, product(p.whole)), p.whole)
		}
		for _, w := range p.boxes {
			v = t.replace(v, w, 0)
		}
	}
	t.regions[i].parts, t.regions[i].v, t.regions[i].from = nil, v, 0
}

// surrounded returns a tensor of one number but for a box.
func (t *Tracer) surrounded(w written, x float32) *value {
	pads := make([]int64, 2*len(w.whole))
	for i := range w.whole {
		pads[i], pads[len(w.whole)+i] = int64(w.from[i]), int64(w.whole[i]-w.from[i]-w.size[i])
	}
	return t.node("Pad", w.v.kind, w.whole, []*value{w.v, t.int64s(pads...), scalar(float64(x))})
}

// concatenated returns the concatenation of parts that make up the whole along one dimension, and nil for others.
func (t *Tracer) concatenated(p *parts) *value {
	axis := -1
	for i := range p.whole {
		if p.boxes[0].size[i] != p.whole[i] {
			if axis >= 0 {
				return nil
			}
			axis = i
		}
	}
	at := 0
	var all []*value
	for _, w := range p.boxes {
		for i := range p.whole {
			if i != axis && w.size[i] != p.whole[i] {
				return nil
			}
		}
		if w.from[axis] != at {
			return nil
		}
		at += w.size[axis]
		all = append(all, w.v)
	}
	if at != p.whole[axis] {
		return nil
	}
	return t.concat(axis, all...)
}

// replace replaces a box of v, of which the dimensions before axis agree.
func (t *Tracer) replace(v *value, w written, axis int) *value {
	if axis == len(w.whole) {
		return w.v
	}
	from, size, whole := w.from[axis], w.size[axis], w.whole[axis]
	inner := t.replace(t.slice(v, axis, from, size), w, axis+1)
	var all []*value
	if from > 0 {
		all = append(all, t.slice(v, axis, 0, from))
	}
	all = append(all, inner)
	if rest := whole - from - size; rest > 0 {
		all = append(all, t.slice(v, axis, from+size, rest))
	}
	return t.concat(axis, all...)
}
