package vqgan

import (
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// bottleneck is what lies between encoder and decoder: a distribution or a codebook over latents. It also owns the 1×1
// convolution quant_conv before it; its counterpart post_quant_conv belongs to the model.
type bottleneck interface {
	nn.Module
	// forward draws latents for the decoder from features [N, G, G, features], in training.
	forward(features *tensor.Tensor, g *tensor.Generator) latents
	// encode returns latents [N, G, G, Embed] of features without randomness, as the decoder gets them.
	encode(features *tensor.Tensor) *tensor.Tensor
	// normalised returns latents [N, G, G, Embed] as other models see them, and restored is its inverse.
	normalised(z *tensor.Tensor) *tensor.Tensor
	restored(z *tensor.Tensor) *tensor.Tensor
}

// latents are the result of a bottleneck in training.
type latents struct {
	z       *tensor.Tensor // [N, G, G, Embed], what the decoder gets
	penalty *tensor.Tensor // [1], weighted, to be added to the loss; nil: none
	codes   *tensor.Tensor // ints [N, G·G]; nil without a codebook
	figures map[string]*tensor.Tensor
}

// newBottleneck returns the bottleneck of a configuration.
func newBottleneck(d *tensor.Device, c Config, g *tensor.Generator) bottleneck {
	switch c.Bottleneck {
	case VQ:
		return newQuantizer(d, c, g)
	case Gumbel:
		return newGumbel(d, c, g)
	case FSQ:
		return newFinite(d, c, g)
	}
	return newGaussian(d, c, g)
}
