package vqgan

import (
	"math"

	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// gaussian is the bottleneck of a variational autoencoder (Kingma & Welling, 2014; Rombach et al., 2022): the features of a
// picture are mean and logarithm of the variance of a diagonal Gaussian, from which the decoder's latents are drawn.
//
// Latents are normalised for other models: (z − mean)/std per channel, with the statistics of the training data.
type gaussian struct {
	config    Config
	quantConv *nn.Conv2d     // [N, G, G, features] → [N, G, G, 2·Embed], or Embed with a constant variance
	mean, std *tensor.Tensor // [Embed], buffers
}

// Bounds of the logarithm of the variance, as in the reference code.
const minLogVar, maxLogVar = -30, 20

func newGaussian(d *tensor.Device, c Config, g *tensor.Generator) *gaussian {
	out := c.Embed
	if c.Noise == 0 {
		out *= 2
	}
	return &gaussian{
		config: c, quantConv: conv1(d, c.features(), out, g),
		mean: d.Zeros(c.Embed).Keep(), std: d.Full(1, c.Embed).Keep(),
	}
}

// posterior returns the mean [N, G, G, Embed] of the posterior and the logarithm of its variance, which is nil if constant.
func (b *gaussian) posterior(features *tensor.Tensor) (mean, logVar *tensor.Tensor) {
	moments := b.quantConv.Forward(features)
	if b.config.Noise > 0 {
		return moments, nil
	}
	e := b.config.Embed
	return moments.Slice(3, 0, e), moments.Slice(3, e, 2*e).ClampMin(minLogVar).ClampMax(maxLogVar)
}

// draw returns mean + std·noise.
func (b *gaussian) draw(mean, logVar, noise *tensor.Tensor) *tensor.Tensor {
	if logVar == nil {
		return mean.Add(noise.Scale(b.config.Noise))
	}
	return mean.Add(logVar.Scale(0.5).Exp().Mul(noise))
}

// kl returns KL(N(mean, var) ‖ N(0, 1)) = ½(mean² + var − 1 − ln var) in nats, averaged over the numbers of the latents.
func (b *gaussian) kl(mean, logVar *tensor.Tensor) *tensor.Tensor {
	if logVar == nil {
		v := b.config.Noise * b.config.Noise
		return mean.Square().Mean().Reshape(1).Scale(0.5).AddScalar(0.5 * (v - 1 - math.Log(v)))
	}
	return mean.Square().Add(logVar.Exp()).Sub(logVar).Mean().Reshape(1).AddScalar(-1).Scale(0.5)
}

func (b *gaussian) forward(features *tensor.Tensor, g *tensor.Generator) latents {
	return b.forwardWith(features, func(shape ...int) *tensor.Tensor { return g.Normal(features.Device(), shape...) })
}

// forwardWith is forward with given noise.
func (b *gaussian) forwardWith(features *tensor.Tensor, noise func(shape ...int) *tensor.Tensor) latents {
	mean, logVar := b.posterior(features)
	l := latents{z: b.draw(mean, logVar, noise(mean.Shape()...))}
	if b.config.KLWeight == 0 {
		if logVar != nil {
			logVar = logVar.Detach()
		}
		l.figures = map[string]*tensor.Tensor{"kl": b.kl(mean.Detach(), logVar)}
		return l
	}
	kl := b.kl(mean, logVar)
	l.penalty, l.figures = kl.Scale(b.config.KLWeight), map[string]*tensor.Tensor{"kl": kl}
	return l
}

func (b *gaussian) encode(features *tensor.Tensor) *tensor.Tensor {
	mean, _ := b.posterior(features)
	return mean
}

func (b *gaussian) normalised(z *tensor.Tensor) *tensor.Tensor { return z.Sub(b.mean).Div(b.std) }

func (b *gaussian) restored(z *tensor.Tensor) *tensor.Tensor { return z.Mul(b.std).Add(b.mean) }

// Visit implements nn.Module.
func (b *gaussian) Visit(path string, f func(nn.Param)) {
	b.quantConv.Visit(nn.Join(path, "quant_conv"), f)
	f(nn.Param{Path: nn.Join(path, "latents.mean"), Tensor: b.mean, Layer: b})
	f(nn.Param{Path: nn.Join(path, "latents.std"), Tensor: b.std, Layer: b})
}

// SetTraining implements nn.Module.
func (b *gaussian) SetTraining(bool) {}

// String implements fmt.Stringer.
func (b *gaussian) String() string { return "statistics of latents" }
