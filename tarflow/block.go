package tarflow

import (
	"math"

	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/nn/transformer"
	"github.com/bestiary-ml/bestiary/tensor"
)

// block is an autoregressive step of the flow: an affine map of each token, whose shift and log-scale follow from the
// tokens before it.
type block struct {
	config  Config
	reverse *tensor.Tensor // ints [T]: the order of the tokens, last first; nil for the first one first

	in       *nn.Linear     // [D → Dim]
	start    *tensor.Tensor // [1, Dim], the input before the first token; or nil
	position *tensor.Tensor // [inputs, Dim]
	class    *tensor.Tensor // [Classes, Dim], or nil
	net      *transformer.Transformer
	norm     *nn.LayerNorm
	out      *nn.Linear // [Dim → 2·D]: shift and log-scale before its bound
}

// newBlock returns a block that is the identity: the last layer begins with zeros.
func newBlock(d *tensor.Device, c Config, layers int, reversed bool, g *tensor.Generator) (*block, error) {
	b := &block{config: c}
	if reversed {
		order := make([]int32, c.Tokens())
		for i := range order {
			order[i] = int32(len(order) - 1 - i)
		}
		b.reverse = d.Ints(order).Keep()
	}
	b.in = nn.NewLinear(d, c.TokenDim(), c.Dim, true, g)
	if c.Start {
		b.start = nn.Normal(d, g, 0, 0.02, 1, c.Dim)
	}
	b.position = nn.Normal(d, g, 0, 0.02, c.inputs(), c.Dim)
	if c.Classes > 0 {
		b.class = nn.Normal(d, g, 0, 0.02, c.Classes, c.Dim)
	}
	var err error
	if b.net, err = transformer.New(d, c.transformer(layers), g); err != nil {
		return nil, err
	}
	b.norm = nn.NewLayerNorm(d, c.Dim)
	b.out = nn.NewLinear(d, c.Dim, 2*c.TokenDim(), true, g)
	b.out.Weight.Set(make([]float32, b.out.Weight.Len()))
	b.out.Bias.Set(make([]float32, b.out.Bias.Len()))
	return b, nil
}

// forward maps tokens x [N, T, D] towards noise and returns with them the log-determinant [N].
func (b *block) forward(x, cond *tensor.Tensor) (z, logDet *tensor.Tensor) {
	x = b.order(x)
	shift, logScale := b.parameters(x, b.fixed(x, cond))
	z = x.Sub(shift).Mul(logScale.Neg().Exp()) // [N, T, D]
	return b.order(z), logScale.Sum(1, 2).Neg()
}

// order puts tokens [N, T, D] into the order of the block, or back.
func (b *block) order(x *tensor.Tensor) *tensor.Tensor {
	if b.reverse == nil {
		return x
	}
	return x.Gather(1, b.reverse)
}

// fixed returns the part of the transformer's input that doesn't depend on the tokens x [N, T, D]: positions and class,
// [N, inputs, Dim], or [inputs, Dim] without a class.
func (b *block) fixed(x, cond *tensor.Tensor) *tensor.Tensor {
	if b.class == nil {
		return b.position
	}
	class := cond.MatMul(b.class).Reshape(x.Dim(0), 1, -1) // [N, 1, Dim]
	return class.Add(b.position)                           // [N, inputs, Dim]
}

// parameters returns shift and log-scale [N, T, D] of all tokens x [N, T, D], which are in the block's order.
func (b *block) parameters(x, fixed *tensor.Tensor) (shift, logScale *tensor.Tensor) {
	shift, logScale = b.split(b.raw(x, fixed))
	return shift, b.config.bound(logScale)
}

// raw returns what the transformer computes for all tokens x [N, T, D], in the block's order: [N, T, 2·D].
func (b *block) raw(x, fixed *tensor.Tensor) *tensor.Tensor {
	n, tokens := x.Dim(0), x.Dim(1)
	h := b.in.Forward(x.Slice(1, 0, tokens-1)) // [N, T−1, Dim]
	if b.start != nil {
		first := b.start.Reshape(1, 1, -1).Expand(n, 1, b.config.Dim)
		h = tensor.Concat(1, first, h) // [N, T, Dim]
	}
	h = b.net.Forward(h.Add(fixed), nil, nil) // [N, inputs, Dim]
	h = b.out.Forward(b.norm.Forward(h))      // [N, inputs, 2·D]
	if b.start == nil {
		h = tensor.Concat(1, x.Device().Zeros(n, 1, h.Dim(2)), h) // [N, T, 2·D]
	}
	return h
}

// split divides what the transformer computes, [N, n, 2·D], into shift and log-scale before its bound, [N, n, D].
func (b *block) split(raw *tensor.Tensor) (shift, logScale *tensor.Tensor) {
	d := b.config.TokenDim()
	return raw.Slice(2, 0, d), raw.Slice(2, d, 2*d)
}

// Visit implements nn.Module.
func (b *block) Visit(path string, f func(nn.Param)) {
	b.in.Visit(nn.Join(path, "in"), f)
	for name, t := range b.tables() {
		f(nn.Param{Path: nn.Join(path, name), Tensor: t, Trainable: true, Layer: b})
	}
	b.net.Visit(path, f)
	b.norm.Visit(nn.Join(path, "norm"), f)
	b.out.Visit(nn.Join(path, "out"), f)
}

// tables yields the parameters that are added to the transformer's input.
func (b *block) tables() func(yield func(string, *tensor.Tensor) bool) {
	return func(yield func(string, *tensor.Tensor) bool) {
		_ = (b.start == nil || yield("start", b.start)) && yield("position", b.position) && (b.class == nil || yield("class", b.class))
	}
}

// SetTraining implements nn.Module.
func (b *block) SetTraining(on bool) { b.net.SetTraining(on) }

// String implements fmt.Stringer.
func (b *block) String() string {
	if b.reverse != nil {
		return "autoregressive block, last token first"
	}
	return "autoregressive block"
}

// standardNormal returns log N(z; 0, I) of z [N, T, D]: [N].
func standardNormal(z *tensor.Tensor) *tensor.Tensor {
	return z.Square().Sum(1, 2).Scale(-0.5).AddScalar(-float64(z.Dim(1)*z.Dim(2)) * 0.5 * math.Log(2*math.Pi))
}
