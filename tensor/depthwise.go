package tensor

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// DepthwiseOptions say how a depth-wise convolution samples its input; pairs are height and width. The zero value is stride 1, no
// padding and dilation 1. The padding, in pixels of 0, may differ between opposite sides: see [SamePadding].
type DepthwiseOptions struct {
	Stride, Dilation         [2]int
	Top, Bottom, Left, Right int
}

// SamePadding returns the pixels that TensorFlow's padding SAME adds before and after an axis of size pixels, so that the output has
// ⌈size/stride⌉ pixels: one half of the padding each, and the odd one after.
func SamePadding(size, kernel, stride, dilation int) (before, after int) {
	outputs := (size + stride - 1) / stride
	all := max(0, (outputs-1)*stride+dilation*(kernel-1)+1-size)
	return all / 2, all - all/2
}

// DepthwiseConv2d convolves each channel of t [N, H, W, C] with its kernel in w [KH, KW, 1, C], and adds bias [C] unless it is nil:
// [N, OH, OW, C] (Chollet, 2017). It is Conv2d in C groups, with
//
//	OH = (H + top + bottom − dilation·(KH−1) − 1)/stride + 1
func (t *Tensor) DepthwiseConv2d(w, bias *Tensor, o DepthwiseOptions) *Tensor {
	if t.rank != 4 || w.rank != 4 || w.dims[2] != 1 || w.dims[3] != t.dims[3] || min(o.Top, o.Bottom, o.Left, o.Right) < 0 {
		panic(fmt.Sprintf("tensor: DepthwiseConv2d of %v with weights %v and padding %d, %d, %d and %d", t, w, o.Top, o.Bottom, o.Left, o.Right))
	}
	c := kernel.Depthwise{
		N: t.dims[0], H: t.dims[1], W: t.dims[2], C: t.dims[3], KH: w.dims[0], KW: w.dims[1], Top: o.Top, Left: o.Left,
		StrideH: max(o.Stride[0], 1), StrideW: max(o.Stride[1], 1), DilationH: max(o.Dilation[0], 1), DilationW: max(o.Dilation[1], 1),
	}
	freeH, freeW := c.H+o.Top+o.Bottom-c.DilationH*(c.KH-1)-1, c.W+o.Left+o.Right-c.DilationW*(c.KW-1)-1
	if freeH < 0 || freeW < 0 {
		panic(fmt.Sprintf("tensor: DepthwiseConv2d of %v is empty with weights %v", t, w))
	}
	c.OH, c.OW = freeH/c.StrideH+1, freeW/c.StrideW+1
	checkBias(bias, c.C)
	y := t.device.empty(c.N, c.OH, c.OW, c.C)
	t.kernels().Depthwise(c, t.data, w.data, bias.optional(), y.data)
	if t.device.recording(t, w, bias) {
		t.device.record(func() {
			k := t.kernels()
			outputGrad(Identity, bias, y)
			w.addGrad(func(dst kernel.Buffer) { k.DepthwiseGradWeight(c, t.data, y.grad, dst) })
			t.addGrad(func(dst kernel.Buffer) { k.DepthwiseGradInput(c, y.grad, w.data, dst) })
			w.updateNow()
		}, y)
	}
	return y
}
