package dvae

import (
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// block is a residual block of three convolutions, [N, H, W, C] → [N, H, W, C].
type block struct{ net *nn.Sequential }

func newBlock(d *tensor.Device, channels int, g *tensor.Generator) block {
	same := tensor.StridePad(1, 1)
	same.Act = tensor.ReLU
	net := &nn.Sequential{}
	net.Add("0", nn.NewConv2d(d, channels, channels, 3, true, same, g))
	net.Add("2", nn.NewConv2d(d, channels, channels, 3, true, same, g))
	net.Add("4", nn.NewConv2d(d, channels, channels, 1, true, tensor.ConvOptions{}, g))
	return block{net}
}

// Forward implements nn.Layer.
func (b block) Forward(x *tensor.Tensor) *tensor.Tensor { return b.net.Forward(x).Add(x) }

// Visit implements nn.Module.
func (b block) Visit(path string, f func(nn.Param)) { b.net.Visit(nn.Join(path, "net"), f) }

// SetTraining implements nn.Module.
func (b block) SetTraining(bool) {}

// affine scales and shifts channels; nil is the identity.
type affine struct{ scale, shift *tensor.Tensor } // [C]

// newAffines returns the normalisation of pictures with values in [−1, 1], and its inverse.
func newAffines(d *tensor.Device, c Config) (in, out *affine) {
	scale, shift := c.affine()
	back, unshift := make([]float32, c.Channels), make([]float32, c.Channels)
	changes := false
	for i := range scale {
		changes = changes || scale[i] != 1 || shift[i] != 0
		back[i], unshift[i] = 1/scale[i], -shift[i]/scale[i]
	}
	if !changes {
		return nil, nil
	}
	return &affine{d.From(scale).Keep(), d.From(shift).Keep()}, &affine{d.From(back).Keep(), d.From(unshift).Keep()}
}

func (a *affine) apply(x *tensor.Tensor) *tensor.Tensor {
	if a == nil {
		return x
	}
	return x.Mul(a.scale).Add(a.shift)
}
