package transformer

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Projection is a linear layer for decoding with a KV cache, together with the operations around it in a transformer:
//
//	y = Residual + Scale·gate(shift(norm((x + Twin)/2))·Weight + Bias)
//
// Everything but the weight is optional. No gradient flows. It is composed of other operations, or is a single kernel where
// the device has one for it and there is one position per sequence.
type Projection struct {
	Weight, Bias *tensor.Tensor // [in, width] and [width]
	Transposed   bool           // Weight is [width, in]

	Twin        *tensor.Tensor // [B, m, in]: the input is the mean of x and Twin
	Gamma, Beta *tensor.Tensor // [in], of a LayerNorm of the input
	Eps         float64        // of that LayerNorm
	Shift       *TokenShift    // after the norm
	Inputs      *tensor.Tensor // [B, capacity, in]: normalised inputs of earlier positions, for Shift; x's are stored there

	Gated           bool           // GEGLU
	Scale, Residual *tensor.Tensor // [out] and [B, m, out]; both or neither
}

// TokenShift lets tokens take some channels from other tokens: with the normalized tokens viewed as
// [B, parts·capacity, in/parts], entry j of the positions from First on becomes entry Index[j], or zeros for −1. No position
// looks at a later one. There are 4 parts or, where in is not a multiple of 4, in.
type TokenShift struct {
	First int
	Index []int32        // parts per position
	index *tensor.Tensor // the same on the device, once it is needed
}

// Apply returns the projection [B, m, out] of x [B, m, in]. It panics if shapes don't match.
func (p Projection) Apply(x *tensor.Tensor) *tensor.Tensor {
	if x.Rank() != 3 || p.Weight.Rank() != 2 || (p.Scale == nil) != (p.Residual == nil) ||
		p.Shift != nil && (p.Gamma == nil || p.Inputs.Rank() != 3 || len(p.Shift.Index) != shiftParts(x.Dim(2))*x.Dim(1)) {
		panic(fmt.Sprintf("transformer: projection of %v with weights %v", x, p.Weight))
	}
	if y := p.applyRow(x); y != nil {
		return y
	}
	if p.Twin != nil {
		x = x.Add(p.Twin).Scale(0.5)
	}
	if p.Gamma != nil {
		x = x.LayerNorm(p.Gamma, p.Beta, p.Eps)
	}
	if s := p.Shift; s != nil {
		if s.index == nil {
			s.index = x.Device().Ints(s.Index)
		}
		setPositions(p.Inputs, s.First, x)
		x = shiftTokens(p.Inputs, s.index)
	}
	if p.Transposed {
		if x = x.MatMulT(p.Weight); p.Bias != nil {
			x = x.Add(p.Bias)
		}
	} else {
		x = x.Linear(p.Weight, p.Bias, tensor.Identity)
	}
	if p.Gated {
		x = geglu(x)
	}
	if p.Scale != nil {
		x = p.Residual.AddProduct(x, p.Scale)
	}
	return x
}

// shiftTokens picks parts of the channels of x [B, n, D] by index, shiftParts(D) per token of the result: with x viewed as
// [B, parts·n, D/parts], entry j is entry index[j], or zeros for −1.
func shiftTokens(x, index *tensor.Tensor) *tensor.Tensor {
	batch, dim := x.Dim(0), x.Dim(2)
	return x.Reshape(batch, -1, dim/shiftParts(dim)).Gather(1, index).Reshape(batch, -1, dim)
}

// setPositions overwrites positions first, first+1, … of a cache [B, capacity, D] with x [B, m, D]. No gradient flows.
func setPositions(cache *tensor.Tensor, first int, x *tensor.Tensor) {
	batch, m, dim := x.Dim(0), x.Dim(1), x.Dim(2)
	if cache.Dim(0) != batch || cache.Dim(2) != dim || first < 0 || first+m > cache.Dim(1) {
		panic(fmt.Sprintf("transformer: positions from %d of the cache %v set to %v", first, cache, x))
	}
	engine.Kernels(x.Device()).Copy(kernel.Strided{
		Rank: 2, Shape: kernel.Dims{batch, m * dim}, OffsetDst: first * dim,
		StrideDst: kernel.Dims{cache.Dim(1) * dim, 1}, StrideSrc: kernel.Dims{m * dim, 1},
	}, engine.Data(cache), engine.Data(x))
}

// applyRow is Apply for one position per sequence, by a single kernel; nil where the device gains nothing by it.
func (p Projection) applyRow(x *tensor.Tensor) *tensor.Tensor {
	k := engine.Decoding(x.Device())
	if k == nil || x.Dim(1) != 1 {
		return nil
	}
	r, ok := p.rowProduct(x)
	if !ok || !k.FasterRowProduct(r) {
		return nil
	}
	y := engine.Empty(x.Device(), r.Rows, 1, r.Out)
	k.RowProduct(r, engine.Data(x), engine.Data(p.Weight), engine.Data(p.Bias), engine.Data(y))
	return y
}

// rowProduct describes the kernel for x [B, 1, in]; ok is false if a token shift mixes quarters or
// divides them, which the kernel can't.
func (p Projection) rowProduct(x *tensor.Tensor) (r kernel.RowProduct, ok bool) {
	r = kernel.RowProduct{
		Rows: x.Dim(0), In: x.Dim(2), Out: p.Weight.Dim(1), TransW: p.Transposed, Twin: engine.Data(p.Twin),
		Norm: p.Gamma != nil, Eps: p.Eps, Gamma: engine.Data(p.Gamma), Beta: engine.Data(p.Beta),
		Gated: p.Gated, Scale: engine.Data(p.Scale), Residual: engine.Data(p.Residual),
	}
	depth := p.Weight.Dim(0)
	if p.Transposed {
		r.Out, depth = depth, r.Out
	}
	width := r.Out
	if p.Gated {
		r.Out /= 2
	}
	if s := p.Shift; s != nil {
		if len(s.Index) != len(r.Sources) {
			return r, false
		}
		r.Inputs, r.Capacity, r.Position = engine.Data(p.Inputs), p.Inputs.Dim(1), s.First
		for quarter, from := range s.Index {
			if r.Sources[quarter] = -1; from >= 0 {
				if int(from)%4 != quarter {
					return r, false
				}
				r.Sources[quarter] = from / 4
			}
		}
		if p.Inputs.Dim(0) != r.Rows || p.Inputs.Dim(2) != r.In || s.First < 0 || s.First >= r.Capacity {
			panic(fmt.Sprintf("transformer: projection of %v at %d with the inputs %v", x, s.First, p.Inputs))
		}
	}
	for _, operand := range []struct {
		t *tensor.Tensor
		n int
	}{{p.Bias, width}, {p.Twin, x.Len()}, {p.Gamma, r.In}, {p.Beta, r.In}, {p.Scale, r.Out}, {p.Residual, r.Rows * r.Out}} {
		if operand.t != nil && operand.t.Len() != operand.n {
			panic(fmt.Sprintf("transformer: projection of %v to %d with %v", x, r.Out, operand.t))
		}
	}
	if depth != r.In {
		panic(fmt.Sprintf("transformer: projection of %v with weights %v", x, p.Weight))
	}
	return r, true
}
