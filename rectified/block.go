package rectified

import (
	"math"

	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// block is a transformer block with adaLN-Zero (Peebles & Xie, 2023). A linear layer of the condition c makes shift, scale
// and gate of both branches:
//
//	x = x + gate₁·attention(norm(x)·(1 + scale₁) + shift₁)
//	x = x + gate₂·feedForward(norm(x)·(1 + scale₂) + shift₂)
type block struct {
	heads      int
	modulation *nn.Linear // SiLU(c) → shift₁, scale₁, gate₁, shift₂, scale₂, gate₂
	qkv, out   *nn.Linear
	up, down   *nn.Linear // feed-forward: down(GELU(up(x)))
}

func newBlock(d *tensor.Device, c Config, g *tensor.Generator) *block {
	return &block{
		heads: c.Heads, modulation: newZero(d, c.Dim, 6*c.Dim),
		qkv: nn.NewLinear(d, c.Dim, 3*c.Dim, true, g), out: nn.NewLinear(d, c.Dim, c.Dim, true, g),
		up: nn.NewLinear(d, c.Dim, c.FFMult*c.Dim, true, g), down: nn.NewLinear(d, c.FFMult*c.Dim, c.Dim, true, g),
	}
}

func (b *block) visit(path string, f func(nn.Param)) {
	b.modulation.Visit(nn.Join(path, "modulation"), f)
	b.qkv.Visit(nn.Join(path, "attention.qkv"), f)
	b.out.Visit(nn.Join(path, "attention.out"), f)
	b.up.Visit(nn.Join(path, "ff.0"), f)
	b.down.Visit(nn.Join(path, "ff.2"), f)
}

// forward maps x [N, n, Dim] to the same shape. condition [N, Dim] is SiLU(c). keep, ints [N, n], is 0 where a position is
// padding; nil keeps all.
func (b *block) forward(x, condition, keep *tensor.Tensor) *tensor.Tensor {
	part := parts(b.modulation.Forward(condition), 6)                               // 6 × [N, Dim]
	y := b.qkv.Forward(modulated(x, part[0], part[1]))                              // [N, n, 3·Dim]
	y = y.SelfAttention(b.heads, 1/math.Sqrt(float64(x.Dim(2)/b.heads)), nil, keep) // [N, n, Dim]
	x = x.AddProduct(b.out.Forward(y), part[2])                                     // [N, n, Dim]
	y = modulated(x, part[3], part[4]).LinearGELU(b.up.Weight, b.up.Bias)           // [N, n, FFMult·Dim]
	return x.AddProduct(b.down.Forward(y), part[5])                                 // [N, n, Dim]
}

// modulated returns norm(x)·(1 + scale) + shift for x [N, n, Dim] and shift, scale [N, Dim].
func modulated(x, shift, scale *tensor.Tensor) *tensor.Tensor {
	return x.LayerNorm(scale.AddScalar(1), shift, 1e-6)
}

// parts cuts y [N, n·Dim] into n tensors [N, Dim].
func parts(y *tensor.Tensor, n int) []*tensor.Tensor {
	dim := y.Dim(1) / n
	all := make([]*tensor.Tensor, n)
	for i := range all {
		all[i] = y.Slice(1, i*dim, (i+1)*dim)
	}
	return all
}
