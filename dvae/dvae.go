// Package dvae is the discrete variational autoencoder of DALL-E (Ramesh et al., 2021, sections 2.1 and A; van den Oord et
// al., 2017). It encodes a picture as a grid of codes, indices into a codebook, and decodes them.
//
// Convolutions of stride 2 end in the logits of all codes at each position of the grid. In training, the choice of a code
// is relaxed to a sample of the Gumbel-softmax (Jang et al., 2017; Maddison et al., 2017)
//
//	y = softmax((logits + noise)/temperature)
//
// and the decoder maps Σ y·codebook to a picture by transposed convolutions. The loss is the reconstruction error plus
// KLWeight·KL(softmax(logits) ‖ uniform). Layers, initialisation and names of parameters are those of DALLE-pytorch's
// DiscreteVAE.
//
// Pictures are channels-last with values in [−1, 1]. Config.Normalisation is applied inside, to inputs and, inverted, to
// outputs.
package dvae

import (
	"fmt"
	"strconv"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/require"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// VAE maps pictures [N, S, S, C] to codes [N, G·G], row by row of a grid of G×G, and codes to pictures.
type VAE struct {
	config  Config
	encoder *nn.Sequential // [N, S, S, C] → features [N, G, G, hidden]
	head    *nn.Conv2d     // features → logits [N, G, G, codes], the encoder's last layer
	code    *nn.Embedding
	expand  *nn.Conv2d // [N, G, G, CodebookDim] → [N, G, G, hidden], the decoder's first layer; nil without resnet blocks
	decoder *nn.Sequential

	headName    string
	scale, back *affine // the normalisation and its inverse; nil if it is the identity
}

// New builds a discrete VAE on a device, initialised from g. The error is a [*fault.FieldError], or a
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
	v.scale, v.back = newAffines(d, c)
	v.code = nn.NewEmbedding(d, c.Codes, c.CodebookDim, g)
	halve := tensor.StridePad(2, 1)
	halve.Act = tensor.ReLU

	from := c.Channels
	for i := range c.Layers {
		v.encoder.Add(strconv.Itoa(i)+".0", nn.NewConv2d(d, from, c.Hidden, 4, true, halve, g))
		from = c.Hidden
	}
	for i := range c.ResnetBlocks {
		v.encoder.Add(strconv.Itoa(c.Layers+i), newBlock(d, c.Hidden, g))
	}
	v.headName = strconv.Itoa(c.Layers + c.ResnetBlocks)
	v.head = nn.NewConv2d(d, c.Hidden, c.Codes, 1, true, tensor.ConvOptions{}, g)

	at, from := 0, c.CodebookDim
	add := func(suffix string, l nn.Layer) {
		v.decoder.Add(strconv.Itoa(at)+suffix, l)
		at++
	}
	if c.ResnetBlocks > 0 {
		v.expand = nn.NewConv2d(d, c.CodebookDim, c.Hidden, 1, true, tensor.ConvOptions{}, g)
		at, from = 1, c.Hidden
	}
	for range c.ResnetBlocks {
		add("", newBlock(d, c.Hidden, g))
	}
	for range c.Layers {
		add(".0", nn.NewConvTranspose2d(d, from, c.Hidden, 4, true, halve, g))
		from = c.Hidden
	}
	add("", nn.NewConv2d(d, c.Hidden, c.Channels, 1, true, tensor.ConvOptions{}, g))
	return v, nil
}

// Config returns the configuration that v was built with.
func (v *VAE) Config() Config { return v.config }

// ImageSize is the height and width of a picture in pixels.
func (v *VAE) ImageSize() int { return v.config.ImageSize }

// Channels is 3 for RGB pictures and 4 for RGBA.
func (v *VAE) Channels() int { return v.config.Channels }

// Grid is the height and width G of the grid of codes.
func (v *VAE) Grid() int { return v.config.Grid() }

// CodebookSize is the number of different codes.
func (v *VAE) CodebookSize() int { return v.config.Codes }

// Logits returns the logits [N, G, G, codes] of pictures [N, S, S, C].
func (v *VAE) Logits(images *tensor.Tensor) *tensor.Tensor { return v.head.Forward(v.features(images)) }

// features returns the input of the layer of logits, [N, G, G, hidden], for pictures [N, S, S, C].
func (v *VAE) features(images *tensor.Tensor) *tensor.Tensor {
	return v.run(v.encoder, v.scale.apply(images))
}

// Codes returns the most probable codes of pictures [N, S, S, C], ints [N, G·G].
func (v *VAE) Codes(images *tensor.Tensor) *tensor.Tensor {
	return v.Logits(images).ArgMax().Reshape(images.Dim(0), -1)
}

// DecodeCodes returns the pictures [N, S, S, C] of codes, ints [N, G·G]. Values are near [−1, 1] and may exceed it.
func (v *VAE) DecodeCodes(codes *tensor.Tensor) *tensor.Tensor {
	x := v.code.Forward(codes) // [N, G·G, CodebookDim]
	x = x.Reshape(codes.Dim(0), v.config.Grid(), v.config.Grid(), v.config.CodebookDim)
	if v.expand != nil {
		x = v.expand.Forward(x)
	}
	return v.back.apply(v.decoder.Forward(x)) // [N, S, S, C]
}

// Reconstruct decodes the codes of pictures [N, S, S, C].
func (v *VAE) Reconstruct(images *tensor.Tensor) *tensor.Tensor {
	return v.DecodeCodes(v.Codes(images))
}

// decodeMixture decodes weighted sums of the codebook's entries, given by weights [N, G, G, codes], to normalised pictures
// [N, S, S, C].
func (v *VAE) decodeMixture(weights *tensor.Tensor) *tensor.Tensor {
	if v.expand == nil {
		return v.run(v.decoder, weights.MatMul(v.code.Weight))
	}
	// weights·(codebook·expand) takes far fewer multiplications than (weights·codebook)·expand: a batch has more positions
	// than the codebook has entries.
	table := v.code.Weight.MatMul(v.expand.Weight.Reshape(v.config.CodebookDim, v.config.Hidden))
	return v.run(v.decoder, weights.Linear(table, v.expand.Bias, tensor.Identity))
}

// run applies a part of the network, with activation checkpointing if Config.Checkpoint is set.
func (v *VAE) run(part *nn.Sequential, x *tensor.Tensor) *tensor.Tensor {
	if v.config.Checkpoint {
		return tensor.Checkpoint(part.Forward, x, nil)
	}
	return part.Forward(x)
}

// Visit implements nn.Module.
func (v *VAE) Visit(path string, f func(nn.Param)) {
	v.code.Visit(nn.Join(path, "codebook"), f)
	v.encoder.Visit(nn.Join(path, "encoder"), f)
	v.head.Visit(nn.Join(path, "encoder."+v.headName), f)
	if v.expand != nil {
		v.expand.Visit(nn.Join(path, "decoder.0"), f)
	}
	v.decoder.Visit(nn.Join(path, "decoder"), f)
}

// SetTraining implements nn.Module. A discrete VAE computes the same in both modes.
func (v *VAE) SetTraining(bool) {}

// String implements fmt.Stringer: the sizes of v and the table of [nn.Summary].
func (v *VAE) String() string {
	c := v.config
	return fmt.Sprintf("VAE: pictures [N, %d, %d, %d] ↔ %d×%d codes (codebook %d)\n",
		c.ImageSize, c.ImageSize, c.Channels, c.Grid(), c.Grid(), c.Codes) + nn.Summary(v)
}
