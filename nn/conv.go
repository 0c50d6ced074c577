package nn

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/tensor"
)

// torchConv is PyTorch's order of a convolution's weight: [out, in, KH, KW], and [in, out, KH, KW] when transposed.
var torchConv = []int{3, 2, 0, 1}

// Conv2d is a two-dimensional convolution, with an activation fused: images [N, H, W, in] become [N, OH, OW, out], where
// OH = ⌊(H + 2·padding − dilation·(KH−1) − 1)/stride⌋ + 1.
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

// Forward implements Layer: [N, H, W, in] → [N, OH, OW, out].
func (c *Conv2d) Forward(x *tensor.Tensor) *tensor.Tensor {
	return x.Conv2d(c.Weight, c.Bias, c.Options)
}

// Visit implements Module.
func (c *Conv2d) Visit(path string, f func(Param)) {
	visit(f, c, path, "weight", c.Weight, torchConv)
	visit(f, c, path, "bias", c.Bias, nil)
}

// SetTraining implements Module.
func (c *Conv2d) SetTraining(bool) {}

// String implements fmt.Stringer: "Conv2d(3 → 64, 4×4, stride 2)".
func (c *Conv2d) String() string {
	in, out := c.Weight.Dim(2)*max(c.Options.Groups, 1), c.Weight.Dim(3)
	return describeConv("Conv2d", in, out, c.Weight, c.Bias, c.Options)
}

// ConvTranspose2d is a transposed convolution, the adjoint of a convolution, with an activation fused: images
// [N, H, W, in] become [N, OH, OW, out], where OH = (H−1)·stride − 2·padding + dilation·(KH−1) + output padding + 1.
type ConvTranspose2d struct {
	Weight  *tensor.Tensor // [KH, KW, out/groups, in]
	Bias    *tensor.Tensor // [out], or nil
	Options tensor.ConvOptions
}

// NewConvTranspose2d returns a transposed convolution with a square kernel, initialised as in PyTorch from
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

// Forward implements Layer: [N, H, W, in] → [N, OH, OW, out].
func (c *ConvTranspose2d) Forward(x *tensor.Tensor) *tensor.Tensor {
	return x.ConvTranspose2d(c.Weight, c.Bias, c.Options)
}

// Visit implements Module.
func (c *ConvTranspose2d) Visit(path string, f func(Param)) {
	visit(f, c, path, "weight", c.Weight, torchConv)
	visit(f, c, path, "bias", c.Bias, nil)
}

// SetTraining implements Module.
func (c *ConvTranspose2d) SetTraining(bool) {}

// String implements fmt.Stringer: "ConvTranspose2d(64 → 3, 4×4, stride 2, Tanh)".
func (c *ConvTranspose2d) String() string {
	in, out := c.Weight.Dim(3), c.Weight.Dim(2)*max(c.Options.Groups, 1)
	return describeConv("ConvTranspose2d", in, out, c.Weight, c.Bias, c.Options)
}

// describeConv is the text of String for a convolution.
func describeConv(kind string, in, out int, weight, bias *tensor.Tensor, o tensor.ConvOptions) string {
	s := fmt.Sprintf("%s(%d → %d, %d×%d", kind, in, out, weight.Dim(0), weight.Dim(1))
	if o.Stride[0] > 1 || o.Stride[1] > 1 {
		s += ", stride " + both(o.Stride)
	}
	if o.Dilation[0] > 1 || o.Dilation[1] > 1 {
		s += ", dilation " + both(o.Dilation)
	}
	if o.Groups > 1 {
		s += fmt.Sprintf(", %d groups", o.Groups)
	}
	return describeRest(s, bias, o.Act) + ")"
}

// both writes a pair of equal numbers once.
func both(n [2]int) string {
	if n[0] == n[1] {
		return fmt.Sprint(n[0])
	}
	return fmt.Sprintf("%d×%d", n[0], n[1])
}
