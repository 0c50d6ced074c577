package trace

import (
	"cmp"
	"slices"
	"unsafe"

	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/internal/onnx"
)

// firstAddress is where memory that doesn't exist begins, above that of any program.
const firstAddress = 1 << 57

// namedMemory is a parameter of the model.
type namedMemory struct {
	name  string
	data  kernel.Buffer
	shape []int
	ints  bool
}

// region is memory from one address to another whose contents are known as a value, from one of its elements on.
type region struct {
	start, end uint64
	v          *value
	from       int
	parts      *parts // copied there since; nil: none
}

// start returns the address of a buffer.
func start(b kernel.Buffer) uint64 {
	if b.Host != nil {
		return uint64(uintptr(b.Host))
	}
	return b.Addr
}

func end(b kernel.Buffer) uint64 { return start(b) + uint64(b.Len*b.Size) }

// Alloc implements kernel.Memory. What is smaller than a batch is really there, so that it can be computed.
func (t *Tracer) Alloc(n int) kernel.Buffer {
	if t.graph == nil || n < N {
		return t.Device.Alloc(n)
	}
	return t.imagine(n)
}

// AllocInts implements kernel.Memory.
func (t *Tracer) AllocInts(n int) kernel.Buffer {
	if t.graph == nil || n < N {
		return t.Device.AllocInts(n)
	}
	return t.imagine(n)
}

// imagine returns a buffer without memory.
func (t *Tracer) imagine(n int) kernel.Buffer {
	b := kernel.Buffer{Addr: t.next, Len: n, Size: 4}
	t.next += uint64(4*n+63) / 64 * 64
	t.taken = append(t.taken, b)
	return b
}

// allocated returns the allocation that a buffer is a part of, and the buffer's first element in it.
func (t *Tracer) allocated(b kernel.Buffer) (whole kernel.Buffer, from int, ok bool) {
	i, found := slices.BinarySearchFunc(t.taken, b.Addr, func(a kernel.Buffer, at uint64) int { return cmp.Compare(a.Addr, at) })
	if !found {
		i--
	}
	if b.Host != nil || i < 0 || end(t.taken[i]) < end(b) {
		return b, 0, false
	}
	return t.taken[i], int(b.Addr-t.taken[i].Addr) / 4, true
}

// Free implements kernel.Memory.
func (t *Tracer) Free(b kernel.Buffer) {
	if b.Host != nil {
		t.Device.Free(b)
	}
}

// find returns the index of the first region that ends after an address.
func (g *graph) find(address uint64) int {
	i, _ := slices.BinarySearchFunc(g.regions, address, func(r region, a uint64) int {
		if r.end <= a {
			return -1
		}
		return 1
	})
	return i
}

// traced reports whether part of a buffer has a value, or doesn't exist.
func (g *graph) traced(b kernel.Buffer) bool {
	if b.IsNil() || b.Len == 0 {
		return false
	}
	i := g.find(start(b))
	return b.Host == nil || i < len(g.regions) && g.regions[i].start < end(b)
}

// real reports whether a kernel that reads in and writes out can be computed, and then forgets what out was.
func (t *Tracer) real(in, out []kernel.Buffer) bool {
	if t.graph == nil {
		return true
	}
	for _, b := range in {
		if t.traced(b) {
			return false
		}
	}
	for _, b := range out {
		if !b.IsNil() && b.Host == nil {
			return false
		}
	}
	for _, b := range out {
		if !b.IsNil() {
			t.forget(start(b), end(b))
		}
	}
	return true
}

// forget ends the regions between two addresses.
func (t *Tracer) forget(from, to uint64) {
	var left []region
	i := t.find(from)
	first := i
	for ; i < len(t.regions) && t.regions[i].start < to; i++ {
		if r := t.regions[i]; r.parts != nil && (r.start < from || r.end > to) {
			t.settle(i)
		}
		r := t.regions[i]
		if r.start < from {
			left = append(left, region{start: r.start, end: from, v: r.v, from: r.from})
		}
		if r.end > to {
			left = append(left, region{start: to, end: r.end, v: r.v, from: r.from + int(to-r.start)/4})
		}
	}
	t.regions = slices.Replace(t.regions, first, i, left...)
}

// write makes a value the contents of a buffer.
func (t *Tracer) write(b kernel.Buffer, v *value) {
	if v.len() != b.Len {
		fail("%d numbers get a value of shape %v", b.Len, v.shape)
	}
	t.forget(start(b), end(b))
	t.regions = slices.Insert(t.regions, t.find(start(b)), region{start: start(b), end: end(b), v: v})
}

// at returns a value that has the contents of a buffer from one of its elements on.
func (t *Tracer) at(b kernel.Buffer) (v *value, from int) {
	i := t.find(start(b))
	if i == len(t.regions) || t.regions[i].start >= end(b) {
		return t.memory(b)
	}
	t.settle(i)
	r := t.regions[i]
	if r.start <= start(b) && end(b) <= r.end {
		return r.v, r.from + int(start(b)-r.start)/4
	}
	var pieces []*value
	for at := start(b); at < end(b); i++ {
		if i == len(t.regions) || t.regions[i].start > at {
			fail("numbers are read that were not computed")
		}
		t.settle(i)
		r := t.regions[i]
		n := int(min(r.end, end(b))-at) / 4
		pieces = append(pieces, t.slice(t.reshape(r.v, []int{r.v.len()}), 0, r.from+int(at-r.start)/4, n))
		at += uint64(4 * n)
	}
	v = t.concat(0, pieces...)
	t.write(b, v)
	return v, 0
}

// memory returns a constant with the contents of a buffer: a parameter, or a copy of it.
func (t *Tracer) memory(b kernel.Buffer) (v *value, from int) {
	if b.Host == nil {
		fail("numbers are read that were not computed")
	}
	for _, m := range t.named {
		if start(m.data) <= start(b) && end(b) <= end(m.data) {
			v := &value{shape: m.shape, kind: onnx.Float, wish: m.name}
			if m.ints {
				v.kind, v.ints = onnx.Int32, kernel.Slice[int32](m.data)
			} else {
				v.floats = kernel.Slice[float32](m.data)
			}
			return v, int(start(b)-start(m.data)) / 4
		}
	}
	// Nothing says whether its elements are numbers or indices; the kernel that reads them knows.
	return &value{shape: []int{b.Len}, kind: onnx.Float, floats: slices.Clone(unsafe.Slice((*float32)(b.Host), b.Len))}, 0
}

// whole returns the value of a buffer, in any shape.
func (t *Tracer) whole(b kernel.Buffer) *value {
	v, from := t.at(b)
	if from == 0 && v.len() == b.Len {
		return v
	}
	return t.view(b, layout{shape: []int{b.Len}, strides: []int{1}})
}

// shaped returns the value of a buffer in that shape.
func (t *Tracer) shaped(b kernel.Buffer, shape ...int) *value { return t.reshape(t.whole(b), shape) }

// ints returns the contents of a buffer of indices that don't depend on the inputs.
func (t *Tracer) ints(b kernel.Buffer) []int32 {
	v, from := t.at(b)
	if v.ints == nil && v.floats == nil || v.fill {
		fail("indices depend on the inputs")
	}
	if v.ints != nil {
		return v.ints[from:][:b.Len]
	}
	if b.Host == nil {
		fail("indices are numbers")
	}
	return slices.Clone(kernel.Slice[int32](b))
}
