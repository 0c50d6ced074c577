// Package autoencoder is a convolutional autoencoder, which maps pictures x to embeddings z and back. It is trained to
// minimise the mean squared error
//
//	|x − decode(encode(x))|²
//
// The encoder has five 4×4 convolutions of stride 2, each with batch normalization and LeakyReLU(0.2), and two linear
// layers. The decoder mirrors it with transposed convolutions and ReLU, and ends in Tanh, so that pictures have values in
// [−1, 1]. Convolutions and initialisation follow DCGAN (Radford, Metz & Chintala, 2016): weights from N(0, 0.02²), scales
// of batch normalization from N(1, 0.02²).
package autoencoder

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/require"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Autoencoder maps pictures [N, S, S, 3] to embeddings [N, E], and embeddings to pictures.
type Autoencoder struct {
	config             Config
	encoder, decoder   *nn.Sequential // convolutions
	fcEncode, fcDecode *nn.Sequential // linear layers
}

// New builds an autoencoder on a device. g initialises the weights and is kept for dropout. The error is a
// [*fault.FieldError], or a [*fault.OutOfMemory] of the device.
func New(d *tensor.Device, c Config, g *tensor.Generator) (a *Autoencoder, err error) {
	defer fault.Catch(&err)
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if err := require.Builder(d, g); err != nil {
		return nil, err
	}
	a = &Autoencoder{config: c, encoder: &nn.Sequential{}, decoder: &nn.Sequential{}}
	halve := tensor.StridePad(2, 1)
	for i := range halvings {
		a.encoder.Add(strconv.Itoa(3*i), nn.NewConv2d(d, c.Channels[i], c.Channels[i+1], 4, false, halve, g))
		a.encoder.Add(strconv.Itoa(3*i+1), nn.NewBatchNorm(d, c.Channels[i+1], tensor.LeakyReLU(0.2)))
	}
	for i := range halvings - 1 {
		from, to := c.Channels[halvings-i], c.Channels[halvings-i-1]
		a.decoder.Add(strconv.Itoa(3*i), nn.NewConvTranspose2d(d, from, to, 4, false, halve, g))
		a.decoder.Add(strconv.Itoa(3*i+1), nn.NewBatchNorm(d, to, tensor.ReLU))
	}
	last := halve
	last.Act = tensor.Tanh
	a.decoder.Add(strconv.Itoa(3*(halvings-1)), nn.NewConvTranspose2d(d, c.Channels[1], c.Channels[0], 4, true, last, g))

	a.fcEncode = &nn.Sequential{}
	a.fcEncode.Add("0", nn.NewLinear(d, c.features(), c.Hidden, true, g))
	a.fcEncode.Add("1", nn.NewBatchNorm(d, c.Hidden, tensor.LeakyReLU(0.2)))
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
		case strings.HasSuffix(p.Path, "weight"): // the scale of a batch normalization
			p.Tensor.Set(g.Normal(d, p.Tensor.Shape()...).Scale(0.02).AddScalar(1).Values())
		}
	}
}

// Config returns the configuration that a was built with.
func (a *Autoencoder) Config() Config { return a.config }

// Encode returns the embeddings [N, E] of pictures [N, S, S, 3] with values in [−1, 1].
func (a *Autoencoder) Encode(x *tensor.Tensor) *tensor.Tensor {
	x = a.encoder.Forward(x)                        // [N, S/32, S/32, C₅]
	x = x.Permute(0, 3, 1, 2).Reshape(x.Dim(0), -1) // [N, C₅·S/32·S/32], PyTorch's order of features
	return a.fcEncode.Forward(x)                    // [N, E]
}

// Decode returns the pictures [N, S, S, 3] of embeddings [N, E].
func (a *Autoencoder) Decode(z *tensor.Tensor) *tensor.Tensor {
	side := a.config.smallest()
	x := a.fcDecode.Forward(z) // [N, C₅·S/32·S/32]
	x = x.Reshape(z.Dim(0), a.config.Channels[halvings], side, side).Permute(0, 2, 3, 1)
	return a.decoder.Forward(x) // [N, S, S, 3]
}

// Loss returns the mean squared error of the reconstruction of pictures x [N, S, S, 3], and the reconstruction.
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

// String implements fmt.Stringer: the sizes of a and the table of [nn.Summary].
func (a *Autoencoder) String() string {
	c := a.config
	return fmt.Sprintf("Autoencoder: pictures [N, %d, %d, 3] ↔ embeddings [N, %d]\n", c.ImageSize, c.ImageSize, c.Embedding) + nn.Summary(a)
}
