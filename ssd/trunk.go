package ssd

import (
	"math"

	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// stages is the number of stages of every backbone, for Config.Frozen.
const stages = 5

// trunk is a backbone as a detector uses it.
type trunk interface {
	// features returns the feature maps [N, s, s, width] of pictures [N, S, S, 3] with values in [−1, 1], and what the extra layers
	// continue from.
	features(x *tensor.Tensor) []*tensor.Tensor
	// widths are the channels of the feature maps.
	widths() []int
	// visit calls f for the parameters, those of frozen stages as not trainable.
	visit(path string, f func(nn.Param))
	setTraining(on bool)
}

// part is a number of layers of a trunk, which may be frozen.
type part struct {
	name   string
	layer  nn.Module
	frozen bool
}

// visitParts calls f for the parameters of parts.
func visitParts(parts []part, path string, f func(nn.Param)) {
	for _, p := range parts {
		p.layer.Visit(nn.Join(path, p.name), func(param nn.Param) {
			param.Trainable = param.Trainable && !p.frozen
			f(param)
		})
	}
}

// fix makes the parameters of frozen parts need no gradient.
func fix(parts []part) {
	for _, p := range parts {
		if p.frozen {
			for _, param := range nn.Trainable(p.layer) {
				param.Tensor.SetRequiresGrad(false)
			}
		}
	}
}

// xavier returns a convolution with a bias of 0 and weights from U(−b, b), b = √(6/(fan in + fan out)) (Glorot & Bengio, 2010).
func xavier(d *tensor.Device, in, out, kernel int, o tensor.ConvOptions, g *tensor.Generator) *nn.Conv2d {
	bound := math.Sqrt(6 / float64((in+out)*kernel*kernel))
	return &nn.Conv2d{Weight: nn.Uniform(d, g, bound, kernel, kernel, in, out), Bias: nn.Constant(d, 0, out), Options: o}
}

// kaiming returns a convolution with a bias of 0 and weights from N(0, 2/fan out) (He et al., 2015).
func kaiming(d *tensor.Device, in, out, kernel int, o tensor.ConvOptions, g *tensor.Generator) *nn.Conv2d {
	std := math.Sqrt(2 / float64(out*kernel*kernel))
	return &nn.Conv2d{Weight: nn.Normal(d, g, 0, std, kernel, kernel, in, out), Bias: nn.Constant(d, 0, out), Options: o}
}

// rectified are the options of a convolution that ReLU follows.
func rectified(o tensor.ConvOptions) tensor.ConvOptions {
	o.Act = tensor.ReLU
	return o
}

// extra makes the next smaller feature map, [N, s, s, in] → [N, t, t, out] with t of [extraSide]: a 1×1 and a 3×3 convolution, each
// with ReLU. The parameters have the names of torchvision's nn.Sequential.
type extra struct{ narrow, reduce *nn.Conv2d }

func newExtra(d *tensor.Device, in, middle, out int, g *tensor.Generator) *extra {
	return &extra{
		narrow: xavier(d, in, middle, 1, rectified(tensor.ConvOptions{}), g),
		reduce: xavier(d, middle, out, 3, rectified(tensor.ConvOptions{}), g),
	}
}

// extraSide is the side of the map that an extra layer makes of one of the given side: half of it or, of a map of 3 to 5 places, what a
// convolution without padding leaves. Those of SSD300 are 19, 10, 5, 3 and 1.
func extraSide(side int) int {
	if side >= 3 && side <= 5 {
		return side - 2
	}
	return (side + 1) / 2
}

// Forward implements nn.Layer.
func (e *extra) Forward(x *tensor.Tensor) *tensor.Tensor {
	x = e.narrow.Forward(x)
	o := tensor.StridePad(2, 1)
	if side := x.Dim(1); side >= 3 && side <= 5 {
		o = tensor.StridePad(1, 0)
	}
	return x.Conv2d(e.reduce.Weight, e.reduce.Bias, rectified(o))
}

// Visit implements nn.Module.
func (e *extra) Visit(path string, f func(nn.Param)) {
	e.narrow.Visit(nn.Join(path, "0"), f)
	e.reduce.Visit(nn.Join(path, "2"), f)
}

// SetTraining implements nn.Module.
func (e *extra) SetTraining(bool) {}

// extraWidths are the channels of extra layers, as in SSD300: in the middle and at the end.
func extraWidths(i int, backbone string) (middle, out int) {
	switch {
	case backbone == Small:
		return 64, 128
	case i == 0:
		return 256, 512
	}
	return 128, 256
}
