package transformer

import (
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// prologue is what precedes a linear layer: shift(norm(x)). The zero value is the identity.
type prologue struct{ norm *nn.LayerNorm }

// epilogue is what follows a linear layer: residual + scale·dropout(gate(x)). The zero value is the identity.
type epilogue struct {
	gated    bool           // GEGLU, [B, n, 2·width] → [B, n, width]
	dropout  *nn.Dropout    // or nil
	scale    *tensor.Tensor // [Dim], or nil
	residual *tensor.Tensor // [B, n, Dim], or nil
}

// project applies a linear layer with what precedes and follows it: [B, n, in] → [B, n, out]. Decoding has a kernel for
// all of it; without a cache, each operation is recorded for the backward pass.
func (p *pass) project(x *tensor.Tensor, l *nn.Linear, in prologue, out epilogue, memory *branchCache) *tensor.Tensor {
	if p.cache != nil {
		fused := Projection{Weight: l.Weight, Bias: l.Bias, Gated: out.gated, Scale: out.scale, Residual: out.residual}
		if in.norm != nil {
			fused.Gamma, fused.Beta, fused.Eps = in.norm.Weight, in.norm.Bias, in.norm.Eps
			fused.Shift, fused.Inputs = p.moved, memory.inputs
		}
		return fused.Apply(x)
	}
	if in.norm != nil {
		if x = in.norm.Forward(x); p.shift != nil {
			x = shiftTokens(x, p.shift)
		}
	}
	if x = l.Forward(x); out.gated {
		x = geglu(x)
	}
	if out.dropout != nil {
		x = out.dropout.Forward(x)
	}
	return out.apply(x)
}

// apply returns residual + scale·x.
func (out epilogue) apply(x *tensor.Tensor) *tensor.Tensor {
	switch {
	case out.scale == nil:
		return x
	case out.residual == nil:
		return x.Mul(out.scale)
	}
	return out.residual.AddProduct(x, out.scale)
}
