// Package dvae is the discrete variational autoencoder that turns a picture into a grid of codes, indices into a
// codebook, and back (van den Oord et al., 2017; Ramesh et al., 2021, sections 2.1 and A).
//
// Convolutions of stride 2 halve the picture and end in a logit for every code at every position of the grid. The
// choice of a code is relaxed to a sample of the Gumbel-softmax (Jang et al., 2017; Maddison et al., 2017),
//
//	y = softmax((logits + noise)/temperature),
//
// the decoder sees Σ y·codebook and returns to the picture with transposed convolutions. The loss is the error of that
// reconstruction plus KLWeight times KL(softmax(logits) ‖ uniform). Layers, initialisation and the names of parameters
// are those of DALLE-pytorch's DiscreteVAE.
//
// Pictures are what they are everywhere in this module: channels-last, values in [−1, 1]. The normalisation that the
// Config names happens inside, on the way in and on the way out.
package dvae

import (
	"strconv"

	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// VAE maps pictures [N, S, S, C] to codes [N, G·G], row by row of a grid of G×G, and back.
type VAE struct {
	config  Config
	encoder *nn.Sequential // to the features from which codes are chosen
	head    *nn.Conv2d     // to logits, the encoder's last layer
	code    *nn.Embedding
	expand  *nn.Conv2d // from the codebook's width to Hidden, the decoder's first layer; nil without resnet blocks
	decoder *nn.Sequential

	headName    string
	scale, back *affine // of the normalisation; nil where it changes nothing
}

// New builds a discrete VAE on a device, initialised from g.
func New(d *tensor.Device, c Config, g *tensor.Generator) (*VAE, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	v := &VAE{config: c, encoder: &nn.Sequential{}, decoder: &nn.Sequential{}}
	v.scale, v.back = newAffines(d, c)
	v.code = nn.NewEmbedding(d, c.Codes, c.CodebookDim, g)
	halve := tensor.Square(2, 1)
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

// Config returns what v was built with.
func (v *VAE) Config() Config { return v.config }

// Logits returns the logits [N, G, G, codes] of pictures [N, S, S, C].
func (v *VAE) Logits(images *tensor.Tensor) *tensor.Tensor { return v.head.Forward(v.features(images)) }

// features are what the encoder knows of pictures [N, S, S, C] before it chooses codes, [N, G, G, hidden].
func (v *VAE) features(images *tensor.Tensor) *tensor.Tensor {
	return v.run(v.encoder, v.scale.apply(images))
}

// Codes returns the most probable codes of pictures [N, S, S, C], indices [N, G·G].
func (v *VAE) Codes(images *tensor.Tensor) *tensor.Tensor {
	return v.Logits(images).ArgMax().Reshape(images.Dim(0), -1)
}

// Decode returns the pictures [N, S, S, C] of codes [N, G·G]. Their values are about [−1, 1], and may exceed it.
func (v *VAE) Decode(codes *tensor.Tensor) *tensor.Tensor {
	x := v.code.Forward(codes).Reshape(codes.Dim(0), v.config.Grid(), v.config.Grid(), v.config.CodebookDim)
	if v.expand != nil {
		x = v.expand.Forward(x)
	}
	return v.back.apply(v.decoder.Forward(x))
}

// Reconstruct decodes the codes of pictures [N, S, S, C].
func (v *VAE) Reconstruct(images *tensor.Tensor) *tensor.Tensor { return v.Decode(v.Codes(images)) }

// decodeMixture decodes a mixture [N, G, G, codes] of the codebook's entries, without undoing the normalisation.
func (v *VAE) decodeMixture(weights *tensor.Tensor) *tensor.Tensor {
	if v.expand == nil {
		return v.run(v.decoder, weights.MatMul(v.code.Weight))
	}
	// (weights·codebook)·expand, with far fewer products: there are fewer codes than positions in a batch.
	table := v.code.Weight.MatMul(v.expand.Weight.Reshape(v.config.CodebookDim, v.config.Hidden))
	return v.run(v.decoder, weights.Linear(table, v.expand.Bias, tensor.Identity))
}

// run passes x through a part of the network, of which Config.Checkpoint keeps nothing.
func (v *VAE) run(part *nn.Sequential, x *tensor.Tensor) *tensor.Tensor {
	if v.config.Checkpoint {
		return x.Checkpoint(part.Forward, nil)
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
