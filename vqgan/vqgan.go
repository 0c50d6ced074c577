// Package vqgan has the convolutional autoencoder of VQGAN (Esser et al., 2021) and of latent diffusion (Rombach et al.,
// 2022). It turns a picture into a small map of latents, which generators learn, and back:
//
//	picture [N, S, S, C] → encoder → bottleneck [N, G, G, Embed] → decoder → picture
//
// Encoder and decoder consist of residual blocks of group norm, SiLU and convolutions, with attention at the lowest
// resolution. The bottleneck is a diagonal Gaussian (KL) or a codebook: vector
// quantisation (VQ, Gumbel) or finite scalar quantisation (FSQ). Layers and names of parameters are those of taming-transformers
// and LDM.
//
// An [Objective] is what the autoencoder is trained by: absolute error, a perceptual loss (Zhang et al., 2018), and a
// discriminator of patches (Isola et al., 2017).
//
// Pictures are channels-last with values in [−1, 1].
package vqgan

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/require"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Model maps pictures [N, S, S, C] to latents [N, G, G, Embed], and latents to pictures.
type Model struct {
	config     Config
	encoder    *nn.Sequential
	bottleneck bottleneck // with quant_conv
	postQuant  *nn.Conv2d // [N, G, G, Embed] → [N, G, G, ZChannels]
	decoder    *nn.Sequential
	linear     *linear // nil: none
}

// New builds an autoencoder on a device, initialised from g. The error is a [*fault.FieldError], or a
// [*fault.OutOfMemory] of the device.
func New(d *tensor.Device, c Config, g *tensor.Generator) (m *Model, err error) {
	defer fault.Catch(&err)
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if err := require.Builder(d, g); err != nil {
		return nil, err
	}
	return &Model{
		config:  c,
		encoder: newEncoder(d, c, g), bottleneck: newBottleneck(d, c, g),
		postQuant: conv1(d, c.Embed, c.ZChannels, g), decoder: newDecoder(d, c, g), linear: newLinear(d, c, g),
	}, nil
}

// NewKL is New for an autoencoder with continuous latents: it accepts no other Bottleneck than KL.
func NewKL(d *tensor.Device, c Config, g *tensor.Generator) (*Model, error) {
	if c.Bottleneck != KL {
		return nil, fault.Field("Bottleneck", c.Bottleneck, "must be %s", KL)
	}
	return New(d, c, g)
}

// Config returns the configuration that m was built with.
func (m *Model) Config() Config { return m.config }

// Encode returns the latents [N, G, G, Embed] of pictures [N, S, S, C], as other models see them: of KL the means of the
// posterior, normalised to mean 0 and standard deviation 1 over the training data.
func (m *Model) Encode(images *tensor.Tensor) *tensor.Tensor {
	return m.bottleneck.normalised(m.bottleneck.encode(m.features(images)))
}

// Decode returns the pictures [N, S, S, C] of latents [N, G, G, Embed] of Encode. Values are near [−1, 1] and may exceed it.
func (m *Model) Decode(latents *tensor.Tensor) *tensor.Tensor {
	return m.decode(m.bottleneck.restored(latents))
}

// Reconstruct encodes and decodes pictures [N, S, S, C].
func (m *Model) Reconstruct(images *tensor.Tensor) *tensor.Tensor {
	return m.decode(m.bottleneck.encode(m.features(images)))
}

// features returns the encoder's output [N, G, G, features].
func (m *Model) features(images *tensor.Tensor) *tensor.Tensor {
	return m.linear.features(images, m.encoder.Forward(patches(images, m.config.Patch)))
}

// decode decodes latents as the decoder sees them.
func (m *Model) decode(z *tensor.Tensor) *tensor.Tensor {
	made, _ := m.decodeWithLast(z)
	return made
}

// decodeWithLast also returns the input of the decoder's last convolution, [N, S/P, S/P, Width].
func (m *Model) decodeWithLast(z *tensor.Tensor) (made, last *tensor.Tensor) {
	h := m.postQuant.Forward(z)
	for _, layer := range m.decoder.Layers() {
		last, h = h, layer.Forward(h)
	}
	return m.linear.pictures(z, unpatched(h, m.config.Patch)), last
}

// lastConv is the decoder's last convolution.
func (m *Model) lastConv() *nn.Conv2d {
	layers := m.decoder.Layers()
	return layers[len(layers)-1].(*nn.Conv2d)
}

// Visit implements nn.Module.
func (m *Model) Visit(path string, f func(nn.Param)) {
	m.encoder.Visit(nn.Join(path, "encoder"), f)
	m.bottleneck.Visit(path, f)
	m.postQuant.Visit(nn.Join(path, "post_quant_conv"), f)
	m.decoder.Visit(nn.Join(path, "decoder"), f)
	m.linear.Visit(path, f)
}

// SetTraining implements nn.Module.
func (m *Model) SetTraining(on bool) { m.bottleneck.SetTraining(on) }

// String implements fmt.Stringer: the sizes of m and the table of [nn.Summary].
func (m *Model) String() string {
	c := m.config
	return fmt.Sprintf("vqgan (%s): pictures [N, %d, %d, %d] ↔ latents [N, %d, %d, %d]\n",
		c.Bottleneck, c.ImageSize, c.ImageSize, c.Channels, c.Grid(), c.Grid(), c.Embed) + nn.Summary(m)
}
