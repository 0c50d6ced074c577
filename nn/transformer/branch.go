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
	cached(x *tensor.Tensor, p *pass, c *branchCache) *tensor.Tensor
}

// pass is what the layers of one forward pass have in common.
type pass struct {
	cos, sin *tensor.Tensor // [Len, R] of all positions, or nil
	keep     *tensor.Tensor // ints [B, n], 0 where a key is padding, or nil
	shift    *tensor.Tensor // ints [4·n], see shiftIndex, or nil
	first    int            // position of x's first row, with a cache
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
		x = shifted(x, p.shift)
	}
	return b.normed(b.net.forward(x, p)).Mul(b.scale)
}

// cached returns to plus what the branch adds to x [B, m, Dim], the rows from position p.first on, with what the cache has of
// those before.
func (b *branch) cached(to, x *tensor.Tensor, p *pass, c *branchCache) *tensor.Tensor {
	x = b.norm.Forward(x)
	if p.shift != nil {
		c.inputs.SetSlice(1, p.first, x)
		x = shifted(c.inputs, p.shift)
	}
	return to.AddProduct(b.normed(b.net.cached(x, p, c)), b.scale)
}

func (b *branch) normed(y *tensor.Tensor) *tensor.Tensor {
	if b.normOut != nil {
		return b.normOut.Forward(y)
	}
	return y
}

// shifted picks the quarters of channels of x [B, n, Dim] that index names.
func shifted(x, index *tensor.Tensor) *tensor.Tensor {
	batch, dim := x.Dim(0), x.Dim(2)
	return x.Reshape(batch, -1, dim/4).Gather(1, index).Reshape(batch, -1, dim)
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
