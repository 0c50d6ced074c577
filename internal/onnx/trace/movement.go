package trace

import (
	"slices"

	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/internal/onnx"
)

// Upload implements kernel.Memory.
func (t *Tracer) Upload(y kernel.Buffer, x []float32) {
	if t.real(nil, list{y}) {
		t.Device.Upload(y, x)
		return
	}
	t.write(y, t.uploaded(constants(slices.Clone(x), len(x)), func(i, j int) bool { return x[i] == x[j] }))
}

// UploadInts implements kernel.Memory.
func (t *Tracer) UploadInts(y kernel.Buffer, x []int32) {
	if t.real(nil, list{y}) {
		t.Device.UploadInts(y, x)
		return
	}
	t.write(y, t.uploaded(indices(slices.Clone(x)), func(i, j int) bool { return x[i] == x[j] }))
}

// uploaded returns what a model uploads for each row of a batch, which must be the same for all rows.
func (t *Tracer) uploaded(v *value, equal func(i, j int) bool) *value {
	n := v.len()
	if n%N != 0 {
		return v
	}
	row := n / N
	for i := row; i < n; i++ {
		if !equal(i, i-row) {
			fail("the program computes numbers of its own for each row of the batch")
		}
	}
	return t.expand(v.part(layout{shape: []int{1, row}, strides: []int{0, 1}}, []int{1, row}), []int{N, row})
}

// Download implements kernel.Memory.
func (t *Tracer) Download(y []float32, x kernel.Buffer) {
	if !t.real(list{x}, nil) {
		fail("the program reads numbers that depend on the inputs")
	}
	t.Device.Download(y, x)
}

// DownloadInts implements kernel.Memory.
func (t *Tracer) DownloadInts(y []int32, x kernel.Buffer) {
	if !t.real(list{x}, nil) {
		fail("the program reads indices that depend on the inputs")
	}
	t.Device.DownloadInts(y, x)
}

// Copy implements kernel.Movement.
func (t *Tracer) Copy(s kernel.Strided, y, x kernel.Buffer) {
	from := newLayout(s.Rank, s.OffsetSrc, s.Shape, s.StrideSrc)
	to := newLayout(s.Rank, s.OffsetDst, s.Shape, s.StrideDst)
	in := list{x}
	if product(to.shape) < y.Len && t.graph != nil && t.traced(y) {
		in = append(in, y) // keeps what it doesn't overwrite
	}
	if t.real(in, nil) && (t.graph == nil || y.Host != nil) {
		if t.graph != nil && product(to.shape) == y.Len {
			t.forget(start(y), end(y))
		}
		t.Device.Copy(s, y, x)
		return
	}
	if y.Len == product(to.shape) && contiguous(from.shape, from.strides) && contiguous(to.shape, to.strides) {
		if v, at := t.at(x); at+from.offset == 0 && v.len() == y.Len { // as it is
			t.write(y, v)
			return
		}
	}
	t.put(y, to, t.expand(t.view(x, from), from.shape))
}

// Gather implements kernel.Movement. Indices that depend on the inputs must not be negative.
func (t *Tracer) Gather(s kernel.Span, x, index, y kernel.Buffer) {
	if t.real(list{x, index}, list{y}) {
		t.Device.Gather(s, x, index, y)
		return
	}
	shape := []int{s.Outer, index.Len, s.Inner}
	if !t.traced(index) {
		t.write(y, t.gathered(t.shaped(x, s.Outer, s.N, s.Inner), shape, t.ints(index)))
		return
	}
	ids := t.whole(index)
	if s.Outer == 1 {
		shape = append(slices.Clone(ids.shape), s.Inner)
		t.write(y, t.node("Gather", onnx.Float, shape, []*value{t.shaped(x, s.N, s.Inner), ids}, attribute("axis", 0)))
		return
	}
	ids = t.reshape(ids, []int{index.Len})
	t.write(y, t.node("Gather", onnx.Float, shape, []*value{t.shaped(x, s.Outer, s.N, s.Inner), ids}, attribute("axis", 1)))
}

// gathered takes entries of the middle dimension; an index of −1 gives zeros.
func (t *Tracer) gathered(x *value, shape []int, index []int32) *value {
	if !slices.Contains(index, -1) {
		return t.gather(x, 1, index)
	}
	there, within := make([]bool, len(index)), slices.Clone(index)
	for i, k := range index {
		there[i], within[i] = k >= 0, max(k, 0)
	}
	return t.node("Where", onnx.Float, shape, []*value{t.bools(there, len(index), 1), t.gather(x, 1, within), scalar(0)})
}
