// Package autoencoder is the convolutional autoencoder that turns pictures into short vectors and back.
//
// Five 4×4 convolutions of stride 2 halve the picture, each followed by batch norm and LeakyReLU(0.2); two linear
// layers lead from what is left to the embedding. The decoder is the mirror image, with transposed convolutions and
// ReLU, and ends in tanh, so pictures have values in [−1, 1]. Convolutions and initialisation follow DCGAN (Radford,
// Metz, Chintala, 2016): weights from N(0, 0.02²), scales of batch norm from N(1, 0.02²). The training loss is the
// mean squared error.
package autoencoder

import (
	"strconv"

	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Autoencoder maps pictures [N, S, S, 3] to embeddings [N, E] and back.
type Autoencoder struct {
	config             Config
	encoder, decoder   *nn.Sequential // convolutions
	fcEncode, fcDecode *nn.Sequential // linear layers
}

// New builds an autoencoder on a device. g initialises it and goes on to draw its dropout.
func New(d *tensor.Device, c Config, g *tensor.Generator) (*Autoencoder, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	a := &Autoencoder{config: c, encoder: &nn.Sequential{}, decoder: &nn.Sequential{}}
	halve := tensor.Square(2, 1)
	for i := range halvings {
		a.encoder.Add(strconv.Itoa(3*i), nn.NewConv2d(d, c.Channels[i], c.Channels[i+1], 4, false, halve, g))
		a.encoder.Add(strconv.Itoa(3*i+1), nn.NewBatchNorm(d, c.Channels[i+1], tensor.LeakyReLU02))
	}
	for i := range halvings - 1 {
		from, to := c.Channels[halvings-i], c.Channels[halvings-i-1]
		a.decoder.Add(strconv.Itoa(3*i), nn.NewConvTranspose2d(d, from, to, 4, false, halve, g))
		a.decoder.Add(strconv.Itoa(3*i+1), nn.NewBatchNorm(d, to, tensor.ReLU))
	}
	last := halve
	last.Act = tensor.TanhAct
	a.decoder.Add(strconv.Itoa(3*(halvings-1)), nn.NewConvTranspose2d(d, c.Channels[1], c.Channels[0], 4, true, last, g))

	a.fcEncode = &nn.Sequential{}
	a.fcEncode.Add("0", nn.NewLinear(d, c.features(), c.Hidden, true, g))
	a.fcEncode.Add("1", nn.NewBatchNorm(d, c.Hidden, tensor.LeakyReLU02))
	a.fcEncode.Add("3", nn.NewDropout(c.Dropout, g))
	a.fcEncode.Add("4", nn.NewLinear(d, c.Hidden, c.Embedding, true, g))

	a.fcDecode = &nn.Sequential{}
	a.fcDecode.Add("0", nn.NewLinear(d, c.Embedding, c.Hidden, true, g))
	a.fcDecode.Add("1", nn.NewBatchNorm(d, c.Hidden, tensor.ReLU))
	a.fcDecode.Add("3", nn.NewDropout(c.Dropout, g))
	a.fcDecode.Add("4", nn.NewLinear(d, c.Hidden, c.features(), true, g))
	a.fcDecode.Add("5", nn.NewBatchNorm(d, c.features(), tensor.ReLU))
	a.initialise(d, g)
	return a, nil
}

// initialise draws DCGAN's initial weights.
func (a *Autoencoder) initialise(d *tensor.Device, g *tensor.Generator) {
	for _, p := range nn.Trainable(a) {
		switch {
		case p.Tensor.Rank() > 1:
			p.Tensor.Set(g.Normal(d, p.Tensor.Shape()...).Scale(0.02).Values())
		case isScale(p.Path):
			p.Tensor.Set(g.Normal(d, p.Tensor.Shape()...).Scale(0.02).AddScalar(1).Values())
		}
	}
}

// isScale reports whether a vector is the scale of a batch norm rather than a bias.
func isScale(path string) bool { return len(path) > 6 && path[len(path)-6:] == "weight" }

// Config returns the sizes that a was built with.
func (a *Autoencoder) Config() Config { return a.config }

// Encode returns the embeddings [N, E] of pictures [N, S, S, 3] with values in [−1, 1].
func (a *Autoencoder) Encode(x *tensor.Tensor) *tensor.Tensor {
	x = a.encoder.Forward(x)
	return a.fcEncode.Forward(x.Permute(0, 3, 1, 2).Reshape(x.Dim(0), -1)) // in PyTorch's order of features
}

// Decode returns the pictures [N, S, S, 3] of embeddings [N, E].
func (a *Autoencoder) Decode(z *tensor.Tensor) *tensor.Tensor {
	side := a.config.smallest()
	x := a.fcDecode.Forward(z).Reshape(z.Dim(0), a.config.Channels[halvings], side, side)
	return a.decoder.Forward(x.Permute(0, 2, 3, 1))
}

// Loss returns the mean squared error of the reconstruction of x, with the reconstruction.
func (a *Autoencoder) Loss(x *tensor.Tensor) (loss, reconstruction *tensor.Tensor) {
	reconstruction = a.Decode(a.Encode(x))
	return reconstruction.MSELoss(x), reconstruction
}

// Visit implements nn.Module.
func (a *Autoencoder) Visit(path string, f func(nn.Param)) {
	a.encoder.Visit(nn.Join(path, "encoder"), f)
	a.decoder.Visit(nn.Join(path, "decoder"), f)
	a.fcEncode.Visit(nn.Join(path, "fc_encode"), f)
	a.fcDecode.Visit(nn.Join(path, "fc_decode"), f)
}

// SetTraining implements nn.Module.
func (a *Autoencoder) SetTraining(on bool) {
	for _, s := range []*nn.Sequential{a.encoder, a.decoder, a.fcEncode, a.fcDecode} {
		s.SetTraining(on)
	}
}
