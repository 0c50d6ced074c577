package transformer

import (
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// branch is a residual branch: scale · norm(net(shift(norm(x)))), where the shift and the second norm are optional.
// LayerScale (Touvron et al., 2021) lets deep stacks begin close to the identity.
type branch struct {
	norm, normOut *nn.LayerNorm
	scale         *tensor.Tensor // [Dim]
	shared        bool           // net belongs to an earlier layer, which visits it
	net           net
}

// net is what a branch computes.
type net interface {
	nn.Module
	forward(x *tensor.Tensor, p *pass) *tensor.Tensor
	// cached is forward with what the cache has of the positions before x's, and with what stands before the first linear layer
	// and behind the last one.
	cached(x *tensor.Tensor, in, out tensor.Projection, p *pass, c *branchCache) *tensor.Tensor
}

// pass is what the layers of one forward pass have in common.
type pass struct {
	cos, sin *tensor.Tensor // [Len, R] of all positions, or nil
	keep     *tensor.Tensor // ints [B, n], 0 where a key is padding, or nil
	shift    *tensor.Tensor // ints [4·n], see shiftIndex, or nil

	// with a cache:
	first int                // position of x's first row
	moved *tensor.TokenShift // in the place of shift
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

// forward returns what the branch adds to x [B, n, Dim].
func (b *branch) forward(x *tensor.Tensor, p *pass) *tensor.Tensor {
	x = b.norm.Forward(x)
	if p.shift != nil {
		x = x.ShiftTokens(p.shift)
	}
	return b.normed(b.net.forward(x, p)).Mul(b.scale)
}

// cached returns to plus what the branch adds to x [B, m, Dim], the rows from position p.first on, with what the cache has of
// those before.
func (b *branch) cached(to, x *tensor.Tensor, p *pass, c *branchCache) *tensor.Tensor {
	in := tensor.Projection{Gamma: b.norm.Weight, Beta: b.norm.Bias, Eps: b.norm.Eps, Shift: p.moved, Inputs: c.inputs}
	if b.normOut != nil {
		return to.AddProduct(b.normOut.Forward(b.net.cached(x, in, tensor.Projection{}, p, c)), b.scale)
	}
	return b.net.cached(x, in, tensor.Projection{Scale: b.scale, Residual: to}, p, c)
}

func (b *branch) normed(y *tensor.Tensor) *tensor.Tensor {
	if b.normOut != nil {
		return b.normOut.Forward(y)
	}
	return y
}

// Visit implements nn.Module.
func (b *branch) Visit(path string, f func(nn.Param)) {
	f(nn.Param{Path: nn.Join(path, "scale"), Tensor: b.scale, Trainable: true})
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
