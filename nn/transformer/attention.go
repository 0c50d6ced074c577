package transformer

import (
	"math"

	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// attention is multi-head self-attention (Vaswani et al., 2017) under a mask. With rotary embeddings the values turn
// as well as the queries and keys.
type attention struct {
	heads    int
	scale    float64
	mask     *tensor.AttentionMask
	qkv, out *nn.Linear
	dropout  *nn.Dropout
}

func newAttention(d *tensor.Device, c Config, mask *tensor.AttentionMask, g *tensor.Generator) *attention {
	inner := c.Heads * c.DimHead
	return &attention{
		heads: c.Heads, scale: 1 / math.Sqrt(float64(c.DimHead)), mask: mask,
		qkv: nn.NewLinear(d, c.Dim, 3*inner, false, g), out: nn.NewLinear(d, inner, c.Dim, true, g),
		dropout: nn.NewDropout(c.AttnDropout, g),
	}
}

// project returns the queries, keys and values [B, n, 3·heads·D] of x, one after the other.
func (a *attention) project(x *tensor.Tensor, p *pass) *tensor.Tensor {
	qkv := a.qkv.Forward(x)
	if p.cos == nil {
		return qkv
	}
	batch, n, width := qkv.Dim(0), qkv.Dim(1), qkv.Dim(2)
	return qkv.Reshape(batch, n, 3*a.heads, width/3/a.heads).Rotary(p.cos, p.sin, 0).Reshape(batch, n, width)
}

func (a *attention) forward(x *tensor.Tensor, p *pass) *tensor.Tensor {
	y := a.project(x, p).SelfAttention(a.heads, a.scale, a.mask, p.keep)
	return a.dropout.Forward(a.out.Forward(y))
}

func (a *attention) cached(x *tensor.Tensor, in, out tensor.Projection, p *pass, c *branchCache) *tensor.Tensor {
	in.Weight, out.Weight, out.Bias = a.qkv.Weight, a.out.Weight, a.out.Bias
	return x.Project(in).AttendCache(tensor.CachedAttention{
		Heads: a.heads, Scale: a.scale, Cos: p.cos, Sin: p.sin, Memory: c.memory, First: p.first, Mask: a.mask,
	}).Project(out)
}

// Visit implements nn.Module.
func (a *attention) Visit(path string, f func(nn.Param)) {
	a.qkv.Visit(nn.Join(path, "qkv"), f)
	a.out.Visit(nn.Join(path, "out"), f)
}

// SetTraining implements nn.Module.
func (a *attention) SetTraining(on bool) { a.dropout.SetTraining(on) }

// feedForward is in → GEGLU (Shazeer, 2020) → dropout → out.
type feedForward struct {
	in, out *nn.Linear
	dropout *nn.Dropout
}

func newFeedForward(d *tensor.Device, c Config, g *tensor.Generator) *feedForward {
	hidden := c.Dim * c.FFMult
	return &feedForward{
		in: nn.NewLinear(d, c.Dim, 2*hidden, true, g), out: nn.NewLinear(d, hidden, c.Dim, true, g),
		dropout: nn.NewDropout(c.FFDropout, g),
	}
}

func (l *feedForward) forward(x *tensor.Tensor, _ *pass) *tensor.Tensor {
	return l.out.Forward(l.dropout.Forward(l.in.Forward(x).GEGLU()))
}

func (l *feedForward) cached(x *tensor.Tensor, in, out tensor.Projection, _ *pass, _ *branchCache) *tensor.Tensor {
	in.Weight, in.Bias, in.Gated = l.in.Weight, l.in.Bias, true
	out.Weight, out.Bias = l.out.Weight, l.out.Bias
	return x.Project(in).Project(out)
}

// Visit implements nn.Module.
func (l *feedForward) Visit(path string, f func(nn.Param)) {
	l.in.Visit(nn.Join(path, "in"), f)
	l.out.Visit(nn.Join(path, "out"), f)
}

// SetTraining implements nn.Module.
func (l *feedForward) SetTraining(on bool) { l.dropout.SetTraining(on) }
