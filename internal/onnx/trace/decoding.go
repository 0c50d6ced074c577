package trace

import (
	"slices"

	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/internal/onnx"
	"github.com/bestiary-ml/bestiary/nn/transformer"
	"github.com/bestiary-ml/bestiary/tensor"
)

// decoding are the kernels for a position of each sequence, which get its number. In the graph the position is an input, so that
// what depends on it is looked up.
type decoding struct{ *Tracer }

// step is the position of the graph of a decoding step.
type step struct {
	position *value // [1], int32
	traced   int    // the number that stands for it
	tables   transformer.Tables
}

// Step makes cell, ints [1], the number of what is decoded, and returns its position, to call the model with: first + cell or, for
// the graph, a number that stands for it.
func Step(cell *tensor.Tensor, first int, tables transformer.Tables) int {
	t, ok := engine.Kernels(cell.Device()).(*Tracer)
	if !ok || t.graph == nil {
		return first + int(cell.IntValues()[0])
	}
	switch {
	case !t.steps:
		fail("the tracer has no kernels for decoding")
	case tables.Uneven: // no kernel does that, so the position would be that which is traced
		fail("the token shift of a transformer whose width is no multiple of 4 is not translated")
	}
	position := t.node("Add", onnx.Int32, []int{1}, []*value{t.whole(engine.Data(cell)), indices([]int32{int32(first)})})
	t.step = &step{position, first, tables}
	return first
}

// check checks that a kernel is called for the position that is traced.
func (d decoding) check(position int) *step {
	if d.step == nil || d.step.traced != position {
		fail("position %d is decoded, which is not that of the step", position)
	}
	return d.step
}

// FasterRowProduct implements kernel.Decoding. Other kernels would be told the position by offsets.
func (d decoding) FasterRowProduct(kernel.RowProduct) bool { return d.graph != nil }

// RowProduct implements kernel.Decoding.
func (d decoding) RowProduct(p kernel.RowProduct, x, w, bias, y kernel.Buffer) {
	t := d.Tracer
	v := t.shaped(x, p.Rows, p.In)
	if !p.Twin.IsNil() {
		v = t.unary(kernel.Scale, 0.5, t.float("Add", v, t.shaped(p.Twin, p.Rows, p.In)))
	}
	if p.Norm {
		v = t.normalized(v, p.In, p.Eps, p.Gamma, p.Beta)
	}
	if !p.Inputs.IsNil() {
		v = d.shifted(p, v)
	}
	strides := []int{p.Width(), 1}
	if p.TransW {
		strides = []int{1, p.In}
	}
	weight := t.view(w, layout{shape: []int{p.In, p.Width()}, strides: strides})
	v = t.node("MatMul", onnx.Float, []int{p.Rows, p.Width()}, []*value{v, weight})
	if !bias.IsNil() {
		v = t.float("Add", v, t.shaped(bias, p.Width()))
	}
	if p.Gated {
		v = t.float("Mul", t.slice(v, 1, 0, p.Out), t.gelu(t.slice(v, 1, p.Out, p.Out)))
	}
	if !p.Scale.IsNil() {
		v = t.float("Add", t.shaped(p.Residual, p.Rows, p.Out), t.float("Mul", v, t.shaped(p.Scale, p.Out)))
	}
	t.write(y, v)
}

// shifted stores a row in the cache of the token shift, and takes quarters of it from other rows.
func (d decoding) shifted(p kernel.RowProduct, v *value) *value {
	t, s := d.Tracer, d.check(p.Position)
	all := d.stored(p.Inputs, p.Rows, p.Capacity, p.In, v)
	index, there := make([]int32, len(s.tables.Sources)), make([]bool, len(s.tables.Sources))
	for i, source := range s.tables.Sources {
		index[i], there[i] = max(source, 0)*4+int32(i%4), source >= 0
	}
	rows := len(index) / 4
	sources := t.lookup(&value{shape: []int{rows, 4}, kind: onnx.Int32, ints: index})
	quarters := []int{p.Rows, 4, p.In / 4}
	taken := t.node("Gather", onnx.Float, quarters,
		[]*value{t.reshape(all, []int{p.Rows, 4 * p.Capacity, p.In / 4}), t.reshape(sources, []int{4})}, attribute("axis", 1))
	known := t.reshape(t.lookup(t.bools(there, rows, 4)), []int{4, 1})
	return t.reshape(t.node("Where", onnx.Float, quarters, []*value{known, taken, scalar(0)}), []int{p.Rows, p.In})
}

// lookup returns the position's row of a table, [1, …].
func (t *Tracer) lookup(table *value) *value {
	shape := slices.Clone(table.shape)
	shape[0] = 1
	return t.node("Gather", table.kind, shape, []*value{table, t.step.position}, attribute("axis", 0))
}

// stored replaces the position's row of a cache [rows, capacity, n] by v [rows, n].
func (d decoding) stored(cache kernel.Buffer, rows, capacity, n int, v *value) *value {
	t := d.Tracer
	numbers := make([]int32, capacity)
	for i := range numbers {
		numbers[i] = int32(i)
	}
	here := t.node("Equal", onnx.Bool, []int{capacity}, []*value{indices(numbers), t.step.position})
	all := t.node("Where", onnx.Float, []int{rows, capacity, n},
		[]*value{t.reshape(here, []int{capacity, 1}), t.reshape(v, []int{rows, 1, n}), t.shaped(cache, rows, capacity, n)})
	t.write(cache, all)
	return all
}

// AttendCached implements kernel.Decoding. It attends to all of the cache under the position's row of the mask.
func (d decoding) AttendCached(a kernel.CachedAttention, qkv, cos, sin, keys, values, y kernel.Buffer) {
	t, s := d.Tracer, d.check(a.Position)
	width := a.Heads * a.Dim
	v := t.shaped(qkv, a.Batch*3*a.Heads, a.Dim)
	if a.Pairs > 0 {
		table := func(of *tensor.Tensor) *value { return t.lookup(t.shaped(engine.Data(of), of.Shape()...)) }
		v = t.rotated(kernel.Rotary{Batch: a.Batch, Tokens: 1, Groups: 3 * a.Heads, Dim: a.Dim, Pairs: a.Pairs}, v, table(s.tables.Cos), table(s.tables.Sin))
	}
	v = t.reshape(v, []int{a.Batch, 3, width})
	part := func(i int) *value { return t.reshape(t.slice(v, 1, i, 1), []int{a.Batch, width}) }
	heads := func(cache *value, order ...int) *value {
		return t.transpose(t.reshape(cache, []int{a.Batch, a.Capacity, a.Heads, a.Dim}), order...)
	}
	key := heads(d.stored(keys, a.Batch, a.Capacity, width, part(1)), 0, 2, 3, 1)
	value4 := heads(d.stored(values, a.Batch, a.Capacity, width, part(2)), 0, 2, 1, 3)
	scores := []int{a.Batch, a.Heads, 1, a.Capacity}
	p := t.node("MatMul", onnx.Float, scores, []*value{t.reshape(part(0), []int{a.Batch, a.Heads, 1, a.Dim}), key})
	p = t.unary(kernel.Scale, a.Scale, p)
	if a.Mask == nil || a.Mask.Keys < a.Capacity {
		fail("decoding has no mask for all of the cache")
	}
	p = t.node("Where", onnx.Float, scores, []*value{t.lookup(t.maskTable(a.Mask, a.Capacity)), p, scalar(-1e30)})
	p = t.node("Softmax", onnx.Float, scores, []*value{p}, attribute("axis", -1))
	t.write(y, t.node("MatMul", onnx.Float, []int{a.Batch, a.Heads, 1, a.Dim}, []*value{p, value4}))
}

// maskTable returns which keys each query attends to, [Queries, keys].
func (t *Tracer) maskTable(m *kernel.AttentionMask, keys int) *value {
	rows, bits := t.ints(m.Rows), make([]bool, 0, m.Queries*keys)
	for q := range m.Queries {
		for k := range keys {
			bits = append(bits, rows[q*m.Words()+k/32]>>(k%32)&1 != 0)
		}
	}
	return t.bools(bits, m.Queries, keys)
}

// Draw implements kernel.Decoding.
func (d decoding) Draw(kernel.Draw, kernel.Buffer, kernel.Buffer, kernel.Buffer) {
	fail("codes are drawn, which is not translated")
}
