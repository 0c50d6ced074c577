package trace

import (
	"slices"

	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/internal/onnx"
)

// Attention implements kernel.Sequences. Masked scores are far below all others, so that their weights are 0.
func (t *Tracer) Attention(a kernel.Attention, q, k, v, keep, y, logSum kernel.Buffer) {
	if t.real(list{q, k, v, keep}, list{y, logSum}) {
		t.Device.Attention(a, q, k, v, keep, y, logSum)
		return
	}
	heads := func(tokens, batch, row int) layout { // [Batch, Heads, tokens, Dim]
		return layout{shape: []int{a.Batch, a.Heads, tokens, a.Dim}, strides: []int{batch, a.Dim, row, 1}}
	}
	query := t.view(q, heads(a.Queries, a.BatchQ, a.RowQ))
	key := t.view(k, layout{shape: []int{a.Batch, a.Heads, a.Dim, a.Keys}, strides: []int{a.BatchK, a.Dim, 1, a.RowK}})
	scores := []int{a.Batch, a.Heads, a.Queries, a.Keys}
	s := t.unary(kernel.Scale, a.Scale, t.node("MatMul", onnx.Float, scores, []*value{query, key}))
	allowed, empty := t.allowed(a, keep)
	if allowed != nil {
		s = t.node("Where", onnx.Float, scores, []*value{allowed, s, scalar(-1e30)})
	}
	p := t.node("Softmax", onnx.Float, scores, []*value{s}, attribute("axis", -1))
	if empty {
		p = t.node("Where", onnx.Float, scores, []*value{allowed, p, scalar(0)})
	}
	out := t.node("MatMul", onnx.Float, []int{a.Batch, a.Heads, a.Queries, a.Dim}, []*value{p, t.view(v, heads(a.Keys, a.BatchV, a.RowV))})
	t.put(y, heads(a.Queries, a.BatchY, a.RowY), out)
}

// allowed returns which keys queries attend to, and whether there may be a query without any; nil for all.
func (t *Tracer) allowed(a kernel.Attention, keep kernel.Buffer) (mask *value, empty bool) {
	if m := a.Mask; m != nil {
		rows := t.ints(m.Rows)
		bits := make([]bool, 0, a.Queries*a.Keys)
		for q := range a.Queries {
			for k := range a.Keys {
				bits = append(bits, rows[(a.First+q)*m.Words()+k/32]>>(k%32)&1 != 0)
			}
			empty = empty || !slices.Contains(bits[q*a.Keys:], true)
		}
		if slices.Contains(bits, false) {
			mask = t.bools(bits, a.Queries, a.Keys)
		}
	}
	if keep.IsNil() {
		return mask, empty
	}
	kept := t.whole(keep)
	if kept.kind != onnx.Int32 {
		kept = indices(t.ints(keep))
	}
	kept = t.reshape(t.cast(kept, onnx.Bool), []int{a.Batch, 1, 1, a.Keys})
	if mask == nil {
		return kept, true
	}
	return t.node("And", onnx.Bool, []int{a.Batch, 1, a.Queries, a.Keys}, []*value{kept, mask}), true
}

// Rotary implements kernel.Sequences.
func (t *Tracer) Rotary(r kernel.Rotary, cos, sin, x, y kernel.Buffer) {
	if t.real(list{cos, sin, x}, list{y}) {
		t.Device.Rotary(r, cos, sin, x, y)
		return
	}
	rows := r.Batch * r.Tokens * r.Groups
	t.write(y, t.rotated(r, t.shaped(x, rows, r.Dim), t.shaped(cos, r.Tokens, r.Pairs), t.shaped(sin, r.Tokens, r.Pairs)))
}

// rotated is v [Batch·Tokens·Groups, Dim] rotated by angles [Tokens, Pairs].
func (t *Tracer) rotated(r kernel.Rotary, v, cos, sin *value) *value {
	rows, half := v.shape[0], []int{r.Batch, r.Tokens, r.Groups, r.Pairs}
	pairs := t.reshape(t.slice(v, 1, 0, 2*r.Pairs), []int{rows, r.Pairs, 2})
	first := t.reshape(t.slice(pairs, 2, 0, 1), half)
	second := t.reshape(t.slice(pairs, 2, 1, 1), half)
	angles := []int{r.Tokens, 1, r.Pairs}
	c, s := t.reshape(cos, angles), t.reshape(sin, angles)
	if r.Inverse {
		s = t.float("Neg", s)
	}
	turned := []*value{
		t.float("Sub", t.float("Mul", first, c), t.float("Mul", second, s)),
		t.float("Add", t.float("Mul", second, c), t.float("Mul", first, s)),
	}
	for i := range turned {
		turned[i] = t.reshape(turned[i], []int{rows, r.Pairs, 1})
	}
	all := []*value{t.reshape(t.concat(2, turned...), []int{rows, 2 * r.Pairs})}
	if rest := r.Dim - 2*r.Pairs; rest > 0 {
		all = append(all, t.slice(v, 1, 2*r.Pairs, rest))
	}
	return t.concat(1, all...)
}

// GatedGELU implements kernel.Sequences.
func (t *Tracer) GatedGELU(rows, n int, x, y kernel.Buffer) {
	if t.real(list{x}, list{y}) {
		t.Device.GatedGELU(rows, n, x, y)
		return
	}
	v := t.shaped(x, rows, 2*n)
	t.write(y, t.float("Mul", t.slice(v, 1, 0, n), t.gelu(t.slice(v, 1, n, n))))
}
