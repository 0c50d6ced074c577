package nn

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/tensor"
)

// DepthwiseConv2d is a depth-wise convolution: each channel has a kernel of its own (Chollet, 2017). Pictures [N, H, W, channels]
// become [N, OH, OW, channels]. In PyTorch it is Conv2d with groups=channels.
type DepthwiseConv2d struct {
	Weight  *tensor.Tensor // [KH, KW, 1, channels]; PyTorch's [channels, 1, KH, KW]
	Bias    *tensor.Tensor // [channels], or nil
	Options tensor.DepthwiseOptions
	// Same pads as TensorFlow's SAME does, by the size of the picture: OH = ⌈H/stride⌉. The padding of Options is not used.
	Same bool
}

// NewDepthwiseConv2d returns a depth-wise convolution with a square kernel, initialised from U(−1/kernel, 1/kernel) as in PyTorch.
func NewDepthwiseConv2d(d *tensor.Device, channels, kernel int, bias bool, o tensor.DepthwiseOptions, g *tensor.Generator) *DepthwiseConv2d {
	bound := fanInBound(kernel * kernel)
	c := &DepthwiseConv2d{Weight: Uniform(d, g, bound, kernel, kernel, 1, channels), Options: o}
	if bias {
		c.Bias = Uniform(d, g, bound, channels)
	}
	return c
}

// Forward implements Layer: [N, H, W, channels] → [N, OH, OW, channels].
func (c *DepthwiseConv2d) Forward(x *tensor.Tensor) *tensor.Tensor {
	o := c.Options
	if c.Same {
		o.Top, o.Bottom = tensor.SamePadding(x.Dim(1), c.Weight.Dim(0), max(o.Stride[0], 1), max(o.Dilation[0], 1))
		o.Left, o.Right = tensor.SamePadding(x.Dim(2), c.Weight.Dim(1), max(o.Stride[1], 1), max(o.Dilation[1], 1))
	}
	return x.DepthwiseConv2d(c.Weight, c.Bias, o)
}

// Visit implements Module.
func (c *DepthwiseConv2d) Visit(path string, f func(Param)) {
	visit(f, c, path, "weight", c.Weight, torchConv)
	visit(f, c, path, "bias", c.Bias, nil)
}

// SetTraining implements Module.
func (c *DepthwiseConv2d) SetTraining(bool) {}

// String implements fmt.Stringer: "DepthwiseConv2d(32, 3×3, stride 2)".
func (c *DepthwiseConv2d) String() string {
	s := fmt.Sprintf("DepthwiseConv2d(%d, %d×%d", c.Weight.Dim(3), c.Weight.Dim(0), c.Weight.Dim(1))
	if o := c.Options; o.Stride[0] > 1 || o.Stride[1] > 1 {
		s += ", stride " + both(o.Stride)
	}
	if o := c.Options; o.Dilation[0] > 1 || o.Dilation[1] > 1 {
		s += ", dilation " + both(o.Dilation)
	}
	return describeRest(s, c.Bias, tensor.Identity) + ")"
}
