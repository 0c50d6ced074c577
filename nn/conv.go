package nn

import "github.com/bestiary-ml/bestiary/tensor"

// torchConv is PyTorch's order of a convolution's weight: [out, in, KH, KW], and [in, out, KH, KW] when transposed.
var torchConv = []int{3, 2, 0, 1}

// Conv2d is a two-dimensional convolution of images [N, H, W, in].
type Conv2d struct {
	Weight  *tensor.Tensor // [KH, KW, in/groups, out]
	Bias    *tensor.Tensor // [out], or nil
	Options tensor.ConvOptions
}

// NewConv2d returns a convolution with a square kernel, initialised from U(−1/√fan, 1/√fan), fan = in/groups·kernel².
func NewConv2d(d *tensor.Device, in, out, kernel int, bias bool, o tensor.ConvOptions, g *tensor.Generator) *Conv2d {
	in /= max(o.Groups, 1)
	bound := fanInBound(in * kernel * kernel)
	c := &Conv2d{Weight: Uniform(d, g, bound, kernel, kernel, in, out), Options: o}
	if bias {
		c.Bias = Uniform(d, g, bound, out)
	}
	return c
}

// Forward implements Layer.
func (c *Conv2d) Forward(x *tensor.Tensor) *tensor.Tensor {
	return x.Conv2d(c.Weight, c.Bias, c.Options)
}

// Visit implements Module.
func (c *Conv2d) Visit(path string, f func(Param)) {
	learned(f, path, "weight", c.Weight, torchConv)
	learned(f, path, "bias", c.Bias, nil)
}

// SetTraining implements Module.
func (c *Conv2d) SetTraining(bool) {}

// ConvTranspose2d is the adjoint of a convolution; it maps images [N, H, W, in] to larger ones.
type ConvTranspose2d struct {
	Weight  *tensor.Tensor // [KH, KW, out/groups, in]
	Bias    *tensor.Tensor // [out], or nil
	Options tensor.ConvOptions
}

// NewConvTranspose2d returns a transposed convolution with a square kernel, initialised as PyTorch does it, from
// U(−1/√fan, 1/√fan) with fan = out/groups·kernel².
func NewConvTranspose2d(d *tensor.Device, in, out, kernel int, bias bool, o tensor.ConvOptions, g *tensor.Generator) *ConvTranspose2d {
	perGroup := out / max(o.Groups, 1)
	bound := fanInBound(perGroup * kernel * kernel)
	c := &ConvTranspose2d{Weight: Uniform(d, g, bound, kernel, kernel, perGroup, in), Options: o}
	if bias {
		c.Bias = Uniform(d, g, bound, out)
	}
	return c
}

// Forward implements Layer.
func (c *ConvTranspose2d) Forward(x *tensor.Tensor) *tensor.Tensor {
	return x.ConvTranspose2d(c.Weight, c.Bias, c.Options)
}

// Visit implements Module.
func (c *ConvTranspose2d) Visit(path string, f func(Param)) {
	learned(f, path, "weight", c.Weight, torchConv)
	learned(f, path, "bias", c.Bias, nil)
}

// SetTraining implements Module.
func (c *ConvTranspose2d) SetTraining(bool) {}
