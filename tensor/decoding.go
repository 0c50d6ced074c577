package tensor

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// Operations of transformers that compute a position after the other, with a cache. Each is composed of others or, where the
// device has a kernel for it and there is one position of each sequence, a single call. No gradient flows.

// Projection is a linear layer with what stands around it in a transformer, Residual + Scale·gate(shift(norm(x))·Weight + Bias),
// where all but the weight is optional.
type Projection struct {
	Weight, Bias *Tensor // [in, width] and [width]
	Transposed   bool    // Weight is [width, in]

	Twin        *Tensor     // x's shape: their mean takes x's place
	Gamma, Beta *Tensor     // [in], of a LayerNorm
	Eps         float64     // and its
	Shift       *TokenShift // after the norm
	Inputs      *Tensor     // [B, capacity, in]: of Shift; has what was normalised before, and gets what is now

	Gated           bool    // GEGLU
	Scale, Residual *Tensor // [out] and [B, m, out]; both or neither
}

// TokenShift gives tokens some channels of others: with the normalised tokens seen as [B, 4·capacity, in/4], entry j of those
// from position First on becomes entry Index[j], or zeros for −1. No position looks at one behind it.
type TokenShift struct {
	First int
	Index []int32 // 4 for each position
	index *Tensor // the same, once it has been asked for
}

// Project applies p to t [B, m, in].
func (t *Tensor) Project(p Projection) *Tensor {
	if t.rank != 3 || p.Weight.rank != 2 || (p.Scale == nil) != (p.Residual == nil) || p.Shift != nil && (p.Gamma == nil || p.Inputs.rank != 3 || len(p.Shift.Index) != 4*t.dims[1]) {
		panic(fmt.Sprintf("tensor: Project of %v with weights %v", t, p.Weight))
	}
	if y := t.projectRows(p); y != nil {
		return y
	}
	x := t
	if p.Twin != nil {
		x = x.Add(p.Twin).Scale(0.5)
	}
	if p.Gamma != nil {
		x = x.LayerNorm(p.Gamma, p.Beta, p.Eps)
	}
	if s := p.Shift; s != nil {
		if s.index == nil {
			s.index = t.device.Ints(s.Index)
		}
		p.Inputs.SetSlice(1, s.First, x)
		x = p.Inputs.ShiftTokens(s.index)
	}
	if p.Transposed {
		if x = x.MatMulT(p.Weight); p.Bias != nil {
			x = x.Add(p.Bias)
		}
	} else {
		x = x.Linear(p.Weight, p.Bias, Identity)
	}
	if p.Gated {
		x = x.GEGLU()
	}
	if p.Scale != nil {
		x = p.Residual.AddProduct(x, p.Scale)
	}
	return x
}

// ShiftTokens picks the quarters of the channels of t [B, n, D] that index names, 4 for each token of the result: with t seen as
// [B, 4·n, D/4], entry j is entry index[j], or zeros for −1.
func (t *Tensor) ShiftTokens(index *Tensor) *Tensor {
	batch, dim := t.Dim(0), t.Dim(2)
	return t.Reshape(batch, -1, dim/4).Gather(1, index).Reshape(batch, -1, dim)
}

// projectRows is Project of one position by a single call; nil where the device gains nothing by it.
func (t *Tensor) projectRows(p Projection) *Tensor {
	k, ok := t.kernels().(kernel.Decoding)
	if !ok || t.dims[1] != 1 {
		return nil
	}
	r := kernel.RowProduct{
		Rows: t.dims[0], In: t.dims[2], Out: p.Weight.dims[1], TransW: p.Transposed, Twin: p.Twin.optional(),
		Norm: p.Gamma != nil, Eps: p.Eps, Gamma: p.Gamma.optional(), Beta: p.Beta.optional(),
		Gated: p.Gated, Scale: p.Scale.optional(), Residual: p.Residual.optional(),
	}
	depth := p.Weight.dims[0]
	if p.Transposed {
		r.Out, depth = depth, r.Out
	}
	checkBias(p.Bias, r.Out)
	if p.Gated {
		r.Out /= 2
	}
	if s := p.Shift; s != nil {
		r.Inputs, r.Capacity, r.Position = p.Inputs.data, p.Inputs.dims[1], s.First
		for quarter, from := range s.Index {
			if r.Sources[quarter] = -1; from >= 0 {
				if int(from)%4 != quarter {
					return nil
				}
				r.Sources[quarter] = from / 4
			}
		}
		if p.Inputs.dims[0] != r.Rows || p.Inputs.dims[2] != r.In || s.First < 0 || s.First >= r.Capacity {
			panic(fmt.Sprintf("tensor: Project of %v at %d with the inputs %v", t, s.First, p.Inputs))
		}
	}
	for _, operand := range []struct {
		t *Tensor
		n int
	}{{p.Twin, t.Len()}, {p.Gamma, r.In}, {p.Beta, r.In}, {p.Scale, r.Out}, {p.Residual, r.Rows * r.Out}} {
		if operand.t != nil && operand.t.Len() != operand.n {
			panic(fmt.Sprintf("tensor: Project of %v to %d with %v", t, r.Out, operand.t))
		}
	}
	if depth != r.In {
		panic(fmt.Sprintf("tensor: Project of %v with weights %v", t, p.Weight))
	}
	if !k.FasterRowProduct(r) {
		return nil
	}
	y := t.device.empty(r.Rows, 1, r.Out)
	k.RowProduct(r, t.data, p.Weight.data, p.Bias.optional(), y.data)
	return y
}

// CachedAttention is the attention of new tokens at positions First to First+m−1 to all up to and including themselves.
type CachedAttention struct {
	Heads    int
	Scale    float64
	Cos, Sin *Tensor // [at least First+m, R], by which queries, keys and values are turned first, see Rotary; or nil
	Memory   *Tensor // [2, B, capacity, heads·D]: keys and values of those before, turned; gets theirs
	First    int
	Mask     *AttentionMask // new tokens are rows of it from First on; nil: all may be seen
}

// AttendCache computes a for t [B, m, 3·heads·D], which holds q, k and v of each new token one after the other. The result is
// [B, m, heads·D].
func (t *Tensor) AttendCache(a CachedAttention) *Tensor {
	memory, first := a.Memory, a.First
	if t.rank != 3 || memory.rank != 4 || memory.dims[0] != 2 || t.dims[2] != 3*memory.dims[3] || t.dims[0] != memory.dims[1] ||
		memory.dims[3]%a.Heads != 0 || first < 0 || first+t.dims[1] > memory.dims[2] || a.Mask != nil && first+t.dims[1] > a.Mask.Queries {
		panic(fmt.Sprintf("tensor: AttendCache of %v from %d with %v", t, first, memory))
	}
	batch, m, capacity, width := t.dims[0], t.dims[1], memory.dims[2], memory.dims[3]
	half := memory.Len() / 2
	keys, values := memory.data.Slice(0, half), memory.data.Slice(half, half)
	var mask *kernel.AttentionMask
	if a.Mask != nil {
		mask = &a.Mask.AttentionMask
	}
	if k, ok := t.kernels().(kernel.Decoding); ok && m == 1 {
		c := kernel.CachedAttention{
			Batch: batch, Heads: a.Heads, Dim: width / a.Heads, Capacity: capacity, Position: first, Scale: a.Scale, Mask: mask,
		}
		var cosines, sines kernel.Buffer
		if a.Cos != nil {
			c.Pairs = a.Cos.dims[1]
			cosines, sines = a.Cos.data.Slice(first*c.Pairs, c.Pairs), a.Sin.data.Slice(first*c.Pairs, c.Pairs)
		}
		y := t.device.empty(batch, 1, width)
		k.AttendCached(c, t.data, cosines, sines, keys, values, y.data)
		return y
	}
	if a.Cos != nil {
		t = t.Reshape(batch, m, 3*a.Heads, width/a.Heads).Rotary(a.Cos, a.Sin, first).Reshape(batch, m, 3*width)
	}
	t.kernels().Copy(kernel.Strided{
		Rank: 4, Shape: kernel.Dims{2, batch, m, width}, OffsetDst: first * width, OffsetSrc: width,
		StrideDst: kernel.Dims{batch * capacity * width, capacity * width, width, 1},
		StrideSrc: kernel.Dims{width, m * 3 * width, 3 * width, 1},
	}, memory.data, t.data)
	y := t.device.empty(batch, m, width)
	t.kernels().Attention(kernel.Attention{
		Batch: batch, Heads: a.Heads, Dim: width / a.Heads, Queries: m, Keys: first + m, First: first, Scale: a.Scale, Mask: mask,
		RowQ: 3 * width, RowK: width, RowV: width, RowY: width,
		BatchQ: m * 3 * width, BatchK: capacity * width, BatchV: capacity * width, BatchY: m * width,
	}, t.data, keys, values, kernel.Buffer{}, y.data, kernel.Buffer{})
	return y
}
