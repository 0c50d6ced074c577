// Package openaivae is the discrete variational autoencoder that OpenAI published with DALL-E (Ramesh et al., 2021, section
// 2.1 and appendix A.2; https://github.com/openai/DALL-E). It encodes a picture as a grid of codes and decodes them, and is
// used with pretrained weights.
//
// The encoder is a convolution of 7×7 and four groups of residual blocks with 1, 2, 4 and 8 times Hidden channels, between
// which maxima over 2×2 pixels halve the picture. A convolution of 1×1 then gives the logits of all codes at each position,
// and the code is the most probable one. The decoder is the mirror image, with nearest-neighbour upsampling.
//
// A picture with values p in [0, 1] is encoded as 0.8·p + 0.1. The decoder predicts the location μ and the scale of a
// logit-Laplace distribution of that value; the picture is (sigmoid(μ) − 0.1)/0.8, cut to [0, 1]. Both are done inside:
// pictures are channels-last with values in [−1, 1].
//
// Names of parameters are those of the package dall_e below "enc." and "dec.", as in DALLE-pytorch's OpenAIDiscreteVAE.
package openaivae

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/require"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

const (
	groups    = 4                 // of residual blocks
	reduction = 1 << (groups - 1) // pixels per code, in each direction
	channels  = 3                 // of a picture
)

// VAE maps pictures [N, S, S, 3] to codes [N, G·G], row by row of a grid of G×G, and codes to pictures.
type VAE struct {
	config  Config
	encoder *nn.Sequential // [N, S, S, 3] → [N, G, G, 8·Hidden]
	head    conv           // [N, G, G, 8·Hidden] → logits [N, G, G, Codes]
	input   conv           // the decoder's first layer, whose weight [1, 1, Codes, Init] is the codebook
	decoder *nn.Sequential // [N, G, G, Init] → [N, S, S, Hidden]
	output  conv           // [N, S, S, Hidden] → location and scale [N, S, S, 6]
}

// New builds OpenAI's discrete VAE on a device, initialised from g. The error is a [*fault.FieldError], or a
// [*fault.OutOfMemory] of the device.
func New(d *tensor.Device, c Config, g *tensor.Generator) (v *VAE, err error) {
	defer fault.Catch(&err)
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if err := require.Builder(d, g); err != nil {
		return nil, err
	}
	v = &VAE{config: c, encoder: &nn.Sequential{}, decoder: &nn.Sequential{}}
	encoder, decoder := [4]int{3, 3, 3, 1}, [4]int{1, 3, 3, 3} // kernels of a block

	v.encoder.Add("input", newConv(d, channels, c.Hidden, 7, tensor.Identity, g))
	from := c.Hidden
	for i := range groups {
		to := c.Hidden << i
		var last nn.Layer
		if i < groups-1 {
			last = halve{}
		}
		addGroup(v.encoder, fmt.Sprintf("group_%d", i+1), d, from, to, c.Blocks, encoder, last, g)
		from = to
	}
	v.head = newConv(d, from, c.Codes, 1, tensor.Identity, g)

	v.input = newConv(d, c.Codes, c.Init, 1, tensor.Identity, g)
	from = c.Init
	for i := range groups {
		to := c.Hidden << (groups - 1 - i)
		var last nn.Layer
		if i < groups-1 {
			last = double{}
		}
		addGroup(v.decoder, fmt.Sprintf("group_%d", i+1), d, from, to, c.Blocks, decoder, last, g)
		from = to
	}
	v.output = newConv(d, from, 2*channels, 1, tensor.Identity, g)
	return v, nil
}

// Config returns the configuration that v was built with.
func (v *VAE) Config() Config { return v.config }

// ImageSize is the height and width of a picture in pixels.
func (v *VAE) ImageSize() int { return v.config.ImageSize }

// Channels is 3: pictures are RGB.
func (v *VAE) Channels() int { return channels }

// Grid is the height and width G of the grid of codes.
func (v *VAE) Grid() int { return v.config.Grid() }

// CodebookSize is the number of different codes.
func (v *VAE) CodebookSize() int { return v.config.Codes }

// Logits returns the logits [N, G, G, codes] of pictures [N, S, S, 3].
func (v *VAE) Logits(images *tensor.Tensor) *tensor.Tensor {
	x := images.Scale(0.4).AddScalar(0.5) // [−1, 1] → [0.1, 0.9]
	x = v.encoder.Forward(x)              // [N, G, G, 8·Hidden]
	return v.head.Forward(x.ReLU())
}

// Codes returns the most probable codes of pictures [N, S, S, 3], ints [N, G·G].
func (v *VAE) Codes(images *tensor.Tensor) *tensor.Tensor {
	return v.Logits(images).ArgMax().Reshape(images.Dim(0), -1)
}

// DecodeCodes returns the pictures [N, S, S, 3] of codes, ints [N, G·G], with values in [−1, 1].
func (v *VAE) DecodeCodes(codes *tensor.Tensor) *tensor.Tensor {
	s := v.statistics(codes).Slice(-1, 0, channels).Sigmoid() // [N, S, S, 3] in [0, 1]
	return s.Scale(2.5).AddScalar(-1.25).ClampMin(-1).ClampMax(1)
}

// statistics returns the location and the logarithm of the scale of the logit-Laplace distribution, [N, S, S, 6].
func (v *VAE) statistics(codes *tensor.Tensor) *tensor.Tensor {
	grid := v.config.Grid()
	table := v.input.Weight.Reshape(v.config.Codes, v.config.Init)
	x := table.Embedding(codes).Add(v.input.Bias)                             // [N, G·G, Init]
	x = v.decoder.Forward(x.Reshape(codes.Dim(0), grid, grid, v.config.Init)) // [N, S, S, Hidden]
	return v.output.Forward(x.ReLU())
}

// Visit implements nn.Module.
func (v *VAE) Visit(path string, f func(nn.Param)) {
	v.encoder.Visit(nn.Join(path, "enc.blocks"), f)
	v.head.Visit(nn.Join(path, "enc.blocks.output.conv"), f)
	v.input.Visit(nn.Join(path, "dec.blocks.input"), f)
	v.decoder.Visit(nn.Join(path, "dec.blocks"), f)
	v.output.Visit(nn.Join(path, "dec.blocks.output.conv"), f)
}

// SetTraining implements nn.Module. The VAE computes the same in both modes.
func (v *VAE) SetTraining(bool) {}

// String implements fmt.Stringer: the sizes of v and the table of [nn.Summary].
func (v *VAE) String() string {
	c := v.config
	return fmt.Sprintf("OpenAI's VAE: pictures [N, %d, %d, %d] ↔ %d×%d codes (codebook %d)\n",
		c.ImageSize, c.ImageSize, channels, c.Grid(), c.Grid(), c.Codes) + nn.Summary(v)
}
