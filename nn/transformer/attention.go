package transformer

import (
	"math"

	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// attention is multi-head self-attention (Vaswani et al., 2017) under a mask:
//
//	softmax(q·kᵀ/√D + mask)·v
//
// Rotary embeddings rotate the values as well as the queries and keys.
type attention struct {
	heads    int
	scale    float64 // 1/√D
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

// forward implements net.
func (a *attention) forward(x *tensor.Tensor, in prologue, out epilogue, p *pass, memory *branchCache) *tensor.Tensor {
	out.dropout = a.dropout
	qkv := p.project(x, a.qkv, in, epilogue{}, memory) // [B, n, 3·heads·D]
	y := a.attend(qkv, p, memory)                      // [B, n, heads·D]
	return p.project(y, a.out, prologue{}, out, nil)   // [B, n, Dim]
}

// attend returns the values that each position attends to, [B, n, heads·D], of qkv [B, n, 3·heads·D]: queries, keys and
// values one after the other.
func (a *attention) attend(qkv *tensor.Tensor, p *pass, memory *branchCache) *tensor.Tensor {
	if p.cache != nil {
		return cachedAttention{
			heads: a.heads, scale: a.scale, cos: p.cos, sin: p.sin, memory: memory.memory, first: p.cache.length, mask: a.mask,
		}.apply(qkv)
	}
	if p.cos != nil {
		batch, n, width := qkv.Dim(0), qkv.Dim(1), qkv.Dim(2)
		qkv = qkv.Reshape(batch, n, 3*a.heads, width/3/a.heads) // [B, n, 3·heads, D]
		qkv = rotary(qkv, p.cos, p.sin, 0).Reshape(batch, n, width)
	}
	return qkv.SelfAttention(a.heads, a.scale, a.mask, p.keep)
}

// Visit implements nn.Module.
func (a *attention) Visit(path string, f func(nn.Param)) {
	a.qkv.Visit(nn.Join(path, "qkv"), f)
	a.out.Visit(nn.Join(path, "out"), f)
}

// SetTraining implements nn.Module.
func (a *attention) SetTraining(on bool) { a.dropout.SetTraining(on) }
