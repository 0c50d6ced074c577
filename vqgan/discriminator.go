package vqgan

import (
	"math"
	"strconv"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/require"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// DiscriminatorConfig has the sizes of a [Discriminator].
type DiscriminatorConfig struct {
	Channels int    `json:"channels"` // of the pictures
	Width    int    `json:"width"`    // channels of the first convolution (ndf)
	Layers   int    `json:"layers"`   // convolutions of stride 2 (n_layers); each doubles the channels, up to 8·Width
	Norm     string `json:"norm"`     // "batch", "group" or "none"
}

// Validate returns a [*fault.FieldError] for a value that is not allowed.
func (c DiscriminatorConfig) Validate() error {
	if err := require.Sizes(
		require.Size{Field: "Channels", Value: c.Channels, Min: 3, Max: 4},
		require.Size{Field: "Width", Value: c.Width, Min: 1, Max: 512},
		require.Size{Field: "Layers", Value: c.Layers, Min: 1, Max: 6},
	); err != nil {
		return err
	}
	switch c.Norm {
	case "batch", "none":
	case "group":
		if c.Width%discriminatorGroups != 0 {
			return fault.Field("Width", c.Width, "must be a multiple of %d with group norm", discriminatorGroups)
		}
	default:
		return fault.Field("Norm", c.Norm, "is not known; use batch, group or none")
	}
	return nil
}

// discriminatorGroups is the number of groups of a discriminator's group norms.
const discriminatorGroups = 8

// leak is the slope of the discriminator's activations below 0.
const leak = 0.2

// Discriminator judges overlapping patches of a picture (PatchGAN; Isola et al., 2017): [N, S, S, C] → logits [N, P, P, 1],
// high for real pictures. Layers and names of parameters are those of taming-transformers' NLayerDiscriminator.
type Discriminator struct{ main *nn.Sequential }

// NewDiscriminator builds a discriminator on a device, initialised from g. The error is a [*fault.FieldError], or a
// [*fault.OutOfMemory] of the device.
func NewDiscriminator(d *tensor.Device, c DiscriminatorConfig, g *tensor.Generator) (p *Discriminator, err error) {
	defer fault.Catch(&err)
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if err := require.Builder(d, g); err != nil {
		return nil, err
	}
	p = &Discriminator{main: &nn.Sequential{}}
	at := 0
	conv := func(in, out, stride int, bias bool, act tensor.Activation) {
		o := tensor.StridePad(stride, 1)
		o.Act = act
		l := &nn.Conv2d{Weight: nn.Normal(d, g, 0, 0.02, 4, 4, in, out), Options: o}
		if bias {
			bound := 1 / math.Sqrt(float64(16*in))
			l.Bias = nn.Uniform(d, g, bound, out)
		}
		p.main.Add(strconv.Itoa(at), l)
		at++
	}
	leaky := tensor.LeakyReLU(leak)
	conv(c.Channels, c.Width, 2, true, leaky)
	at++ // the activation, as in PyTorch
	from := c.Width
	for i := 1; i <= c.Layers; i++ {
		to, stride := c.Width*min(1<<i, 8), 2
		if i == c.Layers {
			stride = 1
		}
		switch c.Norm {
		case "batch":
			conv(from, to, stride, false, tensor.Identity)
			norm := nn.NewBatchNorm(d, to, leaky)
			norm.Weight = nn.Normal(d, g, 1, 0.02, to)
			p.main.Add(strconv.Itoa(at), norm)
		case "group":
			conv(from, to, stride, false, tensor.Identity)
			p.main.Add(strconv.Itoa(at), nn.NewGroupNorm(d, discriminatorGroups, to, false))
			p.main.Add(strconv.Itoa(at+1), nn.LeakyReLU(leak))
		default:
			conv(from, to, stride, true, leaky)
		}
		at += 2
		from = to
	}
	conv(from, 1, 1, true, tensor.Identity)
	return p, nil
}

// SmallestSize returns the smallest size of pictures that the discriminator takes.
func (c DiscriminatorConfig) SmallestSize() int {
	size := 3 // two convolutions of 4×4 with a padding of 1 behind those of stride 2, and one position left
	for range c.Layers {
		size *= 2
	}
	return size
}

// Forward implements nn.Layer: pictures [N, S, S, C] → logits [N, P, P, 1].
func (p *Discriminator) Forward(x *tensor.Tensor) *tensor.Tensor { return p.main.Forward(x) }

// Visit implements nn.Module.
func (p *Discriminator) Visit(path string, f func(nn.Param)) {
	p.main.Visit(nn.Join(path, "main"), f)
}

// SetTraining implements nn.Module.
func (p *Discriminator) SetTraining(on bool) { p.main.SetTraining(on) }

// String implements fmt.Stringer: the table of [nn.Summary].
func (p *Discriminator) String() string { return nn.Summary(p) }

// hinge is the loss of a discriminator with logits of real and of made pictures (Lim & Ye, 2017):
// ½·(mean max(0, 1 − real) + mean max(0, 1 + made)).
func hinge(real, made *tensor.Tensor) *tensor.Tensor {
	a, b := real.Neg().AddScalar(1).ReLU().Mean(), made.AddScalar(1).ReLU().Mean()
	return a.Add(b).Scale(0.5).Reshape(1)
}
