package tensor

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// ConvOptions say how a convolution samples its input; pairs are height and width. The zero value is stride 1, no padding,
// dilation 1 and one group.
type ConvOptions struct {
	Stride        [2]int
	Padding       [2]int
	Dilation      [2]int
	Groups        int
	OutputPadding [2]int // of a transposed convolution only: rows and columns added at the end
	Act           Activation
}

// StridePad returns the options of a convolution with the same stride and padding in both directions.
func StridePad(stride, padding int) ConvOptions {
	return ConvOptions{Stride: [2]int{stride, stride}, Padding: [2]int{padding, padding}}
}

func (o ConvOptions) conv() kernel.Conv {
	return kernel.Conv{
		StrideH: max(o.Stride[0], 1), StrideW: max(o.Stride[1], 1), PadH: o.Padding[0], PadW: o.Padding[1],
		DilationH: max(o.Dilation[0], 1), DilationW: max(o.Dilation[1], 1), Groups: max(o.Groups, 1),
		Act: o.Act.kind, Slope: o.Act.slope,
	}
}

// Conv2d returns act(t ∗ w + bias), a 2-D cross-correlation as in PyTorch: [N, OH, OW, O] for t [N, H, W, C],
// w [KH, KW, C/groups, O] and bias [O] or nil, with
//
//	OH = (H + 2·padding − dilation·(KH−1) − 1)/stride + 1
func (t *Tensor) Conv2d(w, bias *Tensor, o ConvOptions) *Tensor {
	c := o.conv()
	if t.rank != 4 || w.rank != 4 || t.dims[3] != w.dims[2]*c.Groups || w.dims[3]%c.Groups != 0 {
		panic(fmt.Sprintf("tensor: Conv2d of %v with weights %v in %d groups", t, w, c.Groups))
	}
	if o.OutputPadding != [2]int{} {
		panic(fmt.Sprintf("tensor: Conv2d with output padding %v, which only transposed convolutions have", o.OutputPadding))
	}
	c.N, c.H, c.W, c.C = t.dims[0], t.dims[1], t.dims[2], t.dims[3]
	c.KH, c.KW, c.O = w.dims[0], w.dims[1], w.dims[3]
	freeH, freeW := c.H+2*c.PadH-c.DilationH*(c.KH-1)-1, c.W+2*c.PadW-c.DilationW*(c.KW-1)-1
	if freeH < 0 || freeW < 0 {
		panic(fmt.Sprintf("tensor: Conv2d of %v is empty with weights %v", t, w))
	}
	c.OH, c.OW = freeH/c.StrideH+1, freeW/c.StrideW+1
	checkBias(bias, c.O)
	y := t.device.empty(c.N, c.OH, c.OW, c.O)
	c.Constant = w.constant
	t.kernels().Conv2d(c, t.data, w.data, bias.optional(), y.data)
	if t.device.recording(t, w, bias) {
		t.device.record(func() {
			k, plain := t.kernels(), c
			plain.Act = kernel.ActNone
			outputGrad(o.Act, bias, y)
			w.addGrad(func(dst kernel.Buffer) { k.Conv2dBackwardWeight(plain, t.data, y.grad, dst) })
			t.addGrad(func(dst kernel.Buffer) { k.Conv2dBackwardInput(plain, y.grad, w.data, kernel.Buffer{}, dst) })
			w.updateNow()
		}, y)
	}
	return y
}

// ConvTranspose2d is the adjoint of Conv2d with respect to its input (transposed convolution; Zeiler et al., 2010):
// [N, OH, OW, O] for t [N, H, W, C], w [KH, KW, O/groups, C] and bias [O] or nil, with
//
//	OH = (H − 1)·stride − 2·padding + dilation·(KH−1) + outputPadding + 1
func (t *Tensor) ConvTranspose2d(w, bias *Tensor, o ConvOptions) *Tensor {
	c := o.conv() // of the convolution whose adjoint this is: from [OH, OW, O] to [H, W, C]
	if t.rank != 4 || w.rank != 4 || t.dims[3] != w.dims[3] || w.dims[3]%c.Groups != 0 {
		panic(fmt.Sprintf("tensor: ConvTranspose2d of %v with weights %v in %d groups", t, w, c.Groups))
	}
	c.N, c.OH, c.OW, c.O = t.dims[0], t.dims[1], t.dims[2], t.dims[3]
	c.KH, c.KW, c.C = w.dims[0], w.dims[1], w.dims[2]*c.Groups
	c.H = (c.OH-1)*c.StrideH - 2*c.PadH + c.DilationH*(c.KH-1) + o.OutputPadding[0] + 1
	c.W = (c.OW-1)*c.StrideW - 2*c.PadW + c.DilationW*(c.KW-1) + o.OutputPadding[1] + 1
	if c.H < 1 || c.W < 1 {
		panic(fmt.Sprintf("tensor: ConvTranspose2d of %v is empty with weights %v", t, w))
	}
	if o.OutputPadding[0] >= max(c.StrideH, c.DilationH) || o.OutputPadding[1] >= max(c.StrideW, c.DilationW) {
		panic(fmt.Sprintf("tensor: ConvTranspose2d with output padding %v, want less than stride or dilation", o.OutputPadding))
	}
	checkBias(bias, c.C)
	y := t.device.empty(c.N, c.H, c.W, c.C)
	c.Constant = w.constant
	t.kernels().Conv2dBackwardInput(c, t.data, w.data, bias.optional(), y.data)
	if t.device.recording(t, w, bias) {
		t.device.record(func() {
			k, plain := t.kernels(), c
			plain.Act = kernel.ActNone
			outputGrad(o.Act, bias, y)
			w.addGrad(func(dst kernel.Buffer) { k.Conv2dBackwardWeight(plain, y.grad, t.data, dst) })
			t.addGrad(func(dst kernel.Buffer) { k.Conv2d(plain, y.grad, w.data, kernel.Buffer{}, dst) })
			w.updateNow()
		}, y)
	}
	return y
}

func checkBias(bias *Tensor, outputs int) {
	if bias != nil && bias.Len() != outputs {
		panic(fmt.Sprintf("tensor: bias %v for %d outputs", bias, outputs))
	}
}
