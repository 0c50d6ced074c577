package vqgan

import (
	"math"

	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// gumbel is a bottleneck whose codes are drawn from logits in training, by the straight-through Gumbel-softmax (Jang et
// al., 2017; Maddison et al., 2017). It has the names of taming-transformers' GumbelQuantize. The penalty is KLWeight times
// the KL divergence of the codes from the uniform distribution.
//
// In use the code is the most probable one. The reference code draws it at random there, too, so its codes vary from call
// to call around these.
type gumbel struct {
	plain
	config      Config
	quantConv   *nn.Conv2d // [N, G, G, ZChannels] → [N, G, G, Embed]
	proj        *nn.Conv2d // → logits [N, G, G, Codes]
	embed       *nn.Embedding
	temperature float64
}

func newGumbel(d *tensor.Device, c Config, g *tensor.Generator) *gumbel {
	return &gumbel{
		config: c, quantConv: conv1(d, c.ZChannels, c.Embed, g), proj: conv1(d, c.Embed, c.Codes, g),
		embed: nn.NewEmbedding(d, c.Codes, c.Embed, g), temperature: 1,
	}
}

func (b *gumbel) logits(features *tensor.Tensor) *tensor.Tensor {
	return b.proj.Forward(b.quantConv.Forward(features))
}

func (b *gumbel) forward(features *tensor.Tensor, g *tensor.Generator) latents {
	return b.forwardWith(features, func(shape ...int) *tensor.Tensor {
		u := g.Uniform(features.Device(), shape...).ClampMin(1.0 / (1 << 25)) // so that the logarithm is finite
		return u.Log().Neg().Log().Neg()
	})
}

// forwardWith is forward with given Gumbel noise.
func (b *gumbel) forwardWith(features *tensor.Tensor, noise func(shape ...int) *tensor.Tensor) latents {
	logits := b.logits(features) // [N, G, G, Codes]
	soft := logits.Add(noise(logits.Shape()...)).Scale(1 / b.temperature).Softmax(-1)
	// sharp makes a softmax one-hot at the largest weight: any difference becomes so large that exp is 0.
	const sharp = 1e30
	hard := soft.Detach().Scale(sharp).Softmax(-1)
	z := straight(soft, hard).MatMul(b.embed.Weight) // [N, G, G, Embed]

	kl := b.kl(logits)
	return latents{
		z: z, penalty: kl.Scale(b.config.KLWeight), codes: logits.ArgMax().Reshape(features.Dim(0), -1),
		figures: map[string]*tensor.Tensor{"kl": kl},
	}
}

// kl is KL(q ‖ uniform) = Σ q·(ln q + ln codes) with q = softmax(logits), averaged over the positions.
func (b *gumbel) kl(logits *tensor.Tensor) *tensor.Tensor {
	logQ := logits.LogSoftmax(-1)
	sum := logQ.Exp().Mul(logQ.AddScalar(math.Log(float64(b.config.Codes)))).Sum().Reshape(1)
	return sum.Scale(float64(b.config.Codes) / float64(logits.Len()))
}

func (b *gumbel) encode(features *tensor.Tensor) *tensor.Tensor {
	return b.entries(b.codes(features)).Reshape(shapeLike(features, b.config.Embed)...)
}

func (b *gumbel) codes(features *tensor.Tensor) *tensor.Tensor {
	return b.logits(features).ArgMax().Reshape(features.Dim(0), -1)
}

func (b *gumbel) entries(codes *tensor.Tensor) *tensor.Tensor {
	return b.embed.Forward(codes.Reshape(-1))
}

// restart does nothing: the noise lets every code be drawn.
func (b *gumbel) restart(*tensor.Tensor, []int, *tensor.Generator) int { return 0 }

// Visit implements nn.Module.
func (b *gumbel) Visit(path string, f func(nn.Param)) {
	b.quantConv.Visit(nn.Join(path, "quant_conv"), f)
	b.proj.Visit(nn.Join(path, "quantize.proj"), f)
	b.embed.Visit(nn.Join(path, "quantize.embed"), f)
}

// SetTraining implements nn.Module.
func (b *gumbel) SetTraining(bool) {}
