package transformer

import (
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// branch is a residual branch:
//
//	x + scale·normOut(net(shift(norm(x))))
//
// where shift and normOut are optional. Small initial scales let deep stacks begin close to the identity (LayerScale;
// Touvron et al., 2021).
type branch struct {
	norm, normOut *nn.LayerNorm
	scale         *tensor.Tensor // [Dim]
	shared        bool           // net belongs to an earlier layer, which visits it
	net           net
}

// net is what a branch computes between its first and last projection, both included: [B, n, Dim] → [B, n, Dim].
type net interface {
	nn.Module
	forward(x *tensor.Tensor, in prologue, out epilogue, p *pass, memory *branchCache) *tensor.Tensor
}

func newBranch(d *tensor.Device, c Config, layer int, n net, shared bool) *branch {
	scale := 1e-6
	switch {
	case layer < 18:
		scale = 0.1
	case layer < 24:
		scale = 1e-5
	}
	b := &branch{norm: nn.NewLayerNorm(d, c.Dim), scale: nn.Constant(d, scale, c.Dim), net: n, shared: shared}
	if c.SandwichNorm {
		b.normOut = nn.NewLayerNorm(d, c.Dim)
	}
	return b
}

// forward returns to plus the branch of x, or the branch alone if to is nil. All are [B, n, Dim]; with reversible layers,
// to and x are different streams.
func (b *branch) forward(to, x *tensor.Tensor, p *pass, memory *branchCache) *tensor.Tensor {
	in, out := prologue{norm: b.norm}, epilogue{scale: b.scale, residual: to}
	if b.normOut == nil {
		return b.net.forward(x, in, out, p, memory)
	}
	y := b.net.forward(x, in, epilogue{}, p, memory)
	return out.apply(b.normOut.Forward(y))
}

// Visit implements nn.Module.
func (b *branch) Visit(path string, f func(nn.Param)) {
	f(nn.Param{Path: nn.Join(path, "scale"), Tensor: b.scale, Trainable: true, Layer: b})
	b.norm.Visit(nn.Join(path, "norm"), f)
	if b.normOut != nil {
		b.normOut.Visit(nn.Join(path, "norm_out"), f)
	}
	if !b.shared {
		b.net.Visit(path, f)
	}
}

// SetTraining implements nn.Module.
func (b *branch) SetTraining(on bool) { b.net.SetTraining(on) }

// String implements fmt.Stringer.
func (b *branch) String() string {
	if b.shared {
		return "LayerScale, weights shared"
	}
	return "LayerScale"
}
