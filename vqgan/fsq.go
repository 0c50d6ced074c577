package vqgan

import (
	"math"

	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// finite is finite scalar quantisation (Mentzer et al., 2024): each channel i of a latent is bounded to an interval with
// Levels[i] integers and rounded to the nearest. The codebook is the product of the levels and has no parameters.
//
// bound(z) = tanh(z + shift)·h − offset, with h = (L − 1)·(1 − ε)/2. An even number of levels has an offset of ½, so that
// the integers are −L/2 … L/2 − 1, and the shift tan(offset/h). Latents are handed on as integer/⌊L/2⌋, about in [−1, 1].
type finite struct {
	plain
	config    Config
	quantConv *nn.Conv2d // [N, G, G, ZChannels] → [N, G, G, len(Levels)]

	half, offset, shift, scale *tensor.Tensor // [len(Levels)]: h, the offset, the shift, 1/⌊L/2⌋
	table                      *tensor.Tensor // the codebook [Codes, len(Levels)]
}

// boundEps is the ε of the bound, which keeps tanh from saturating at the outermost levels.
const boundEps = 1e-3

func newFinite(d *tensor.Device, c Config, g *tensor.Generator) *finite {
	b := &finite{config: c, quantConv: conv1(d, c.ZChannels, c.Embed, g)}
	var half, offset, shift, scale []float32
	for _, levels := range c.Levels {
		h, o := float64(levels-1)*(1-boundEps)/2, 0.0
		if levels%2 == 0 {
			o = 0.5
		}
		half, offset, shift = append(half, float32(h)), append(offset, float32(o)), append(shift, float32(math.Tan(o/h)))
		scale = append(scale, 1/float32(levels/2))
	}
	b.half, b.offset = d.From(half, len(half)).Keep(), d.From(offset, len(half)).Keep()
	b.shift, b.scale = d.From(shift, len(half)).Keep(), d.From(scale, len(half)).Keep()

	n := c.CodebookSize()
	table := make([]float32, 0, n*len(c.Levels))
	for code := range n {
		for i, levels := range c.Levels { // the first level varies fastest
			table = append(table, float32(code%levels-levels/2)*scale[i])
			code /= levels
		}
	}
	b.table = d.From(table, n, len(c.Levels)).Keep()
	return b
}

// quantized returns the latents [N, G, G, len(Levels)] of features, with the gradient of the bounded values.
func (b *finite) quantized(features *tensor.Tensor) *tensor.Tensor {
	bounded := b.quantConv.Forward(features).Add(b.shift).Tanh().Mul(b.half).Sub(b.offset)
	return straight(bounded, round(bounded)).Mul(b.scale)
}

// round returns the nearest integers to numbers below 2²², to even ones from the middle: a float32 above 2²³ has no
// fraction.
func round(x *tensor.Tensor) *tensor.Tensor {
	const large = 3 << 22
	return x.Detach().AddScalar(large).AddScalar(-large)
}

func (b *finite) forward(features *tensor.Tensor, _ *tensor.Generator) latents {
	z := b.quantized(features)
	return latents{z: z, codes: b.find(z.Detach())}
}

// find returns the codes of latents [N, G, G, len(Levels)], ints [N, G·G].
func (b *finite) find(z *tensor.Tensor) *tensor.Tensor {
	return nearest(z.Reshape(-1, len(b.config.Levels)), b.table).Reshape(z.Dim(0), -1)
}

func (b *finite) encode(features *tensor.Tensor) *tensor.Tensor { return b.quantized(features) }

func (b *finite) codes(features *tensor.Tensor) *tensor.Tensor { return b.find(b.quantized(features)) }

func (b *finite) entries(codes *tensor.Tensor) *tensor.Tensor {
	return b.table.Embedding(codes.Reshape(-1))
}

// restart does nothing: there are no entries to move.
func (b *finite) restart(*tensor.Tensor, []int, *tensor.Generator) int { return 0 }

// Visit implements nn.Module.
func (b *finite) Visit(path string, f func(nn.Param)) {
	b.quantConv.Visit(nn.Join(path, "quant_conv"), f)
}

// SetTraining implements nn.Module.
func (b *finite) SetTraining(bool) {}
