package tensor

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// PoolOptions describe the windows of [Tensor.MaxPool2d] and [Tensor.AvgPool2d]; pairs are height and width. They mean the same as
// in PyTorch.
type PoolOptions struct {
	Kernel  [2]int // size of a window
	Stride  [2]int // distance between windows; 0 is the size
	Padding [2]int // pixels around the picture on each side, at most half of the size

	// Ceil rounds the number of windows up instead of down (PyTorch's ceil_mode): the last window may reach out of the padded
	// picture, but must start inside the picture or its padding at the left or top.
	Ceil bool
	// ExcludePadding divides averages by the number of the window's pixels in the picture (PyTorch's count_include_pad=False).
	// Otherwise padding counts as pixels of 0.
	ExcludePadding bool
}

// Pool returns the options of square windows.
func Pool(kernel, stride, padding int) PoolOptions {
	return PoolOptions{Kernel: [2]int{kernel, kernel}, Stride: [2]int{stride, stride}, Padding: [2]int{padding, padding}}
}

// outputs returns the stride along an axis of size pixels and the number of windows; less than 1 if none fits.
func (o PoolOptions) outputs(axis, size int) (stride, n int) {
	stride = o.Stride[axis]
	if stride == 0 {
		stride = o.Kernel[axis]
	}
	free := size + 2*o.Padding[axis] - o.Kernel[axis]
	switch {
	case free >= 0:
		n = free/stride + 1
	case !o.Ceil:
		return stride, 0
	}
	if o.Ceil && n*stride < size+o.Padding[axis] && (n == 0 || (n-1)*stride < free) {
		n++
	}
	return stride, n
}

// pool describes pooling of t.
func (t *Tensor) pool(operation string, o PoolOptions) kernel.Pool {
	for axis := range 2 {
		if t.rank != 4 || o.Kernel[axis] < 1 || o.Stride[axis] < 0 || o.Padding[axis] < 0 || o.Padding[axis] > o.Kernel[axis]/2 {
			panic(fmt.Sprintf("tensor: %s of %v with %+v", operation, t, o))
		}
	}
	p := kernel.Pool{
		N: t.dims[0], H: t.dims[1], W: t.dims[2], C: t.dims[3],
		KH: o.Kernel[0], KW: o.Kernel[1], Top: o.Padding[0], Left: o.Padding[1],
	}
	p.StrideH, p.OH = o.outputs(0, p.H)
	p.StrideW, p.OW = o.outputs(1, p.W)
	if p.OH < 1 || p.OW < 1 {
		panic(fmt.Sprintf("tensor: %s of %v is empty with %+v", operation, t, o))
	}
	return p
}

// MaxPool2d returns the largest number of each channel in windows of t [N, H, W, C]: [N, OH, OW, C], with
//
//	OH = ⌊(H + 2·padding − kernel)/stride⌋ + 1
//
// Padding is never the largest. The gradient flows to the first of the largest numbers of a window, read row by row.
func (t *Tensor) MaxPool2d(o PoolOptions) *Tensor {
	p := t.pool("MaxPool2d", o)
	y := t.device.empty(p.N, p.OH, p.OW, p.C)
	t.kernels().MaxPool(p, t.data, y.data)
	if t.device.recording(t) {
		t.device.record(func() {
			t.addGrad(func(dst kernel.Buffer) { t.kernels().MaxPoolGrad(p, t.data, y.grad, dst) })
		}, y)
	}
	return y
}

// AvgPool2d returns the average of each channel in windows of t [N, H, W, C]: [N, OH, OW, C], with OH as for [Tensor.MaxPool2d].
// Where a window reaches out of the padded picture (Ceil), it is smaller, as in PyTorch.
func (t *Tensor) AvgPool2d(o PoolOptions) *Tensor {
	p := t.pool("AvgPool2d", o)
	// Pixels of 0 below and at the right, up to the end of the last window.
	below, right := (p.OH-1)*p.StrideH+p.KH-p.H-p.Top, (p.OW-1)*p.StrideW+p.KW-p.W-p.Left
	windows := DepthwiseOptions{
		Stride: [2]int{p.StrideH, p.StrideW}, Top: p.Top, Left: p.Left, Bottom: max(0, below), Right: max(0, right),
	}
	sum := func(x *Tensor, scale float64, o DepthwiseOptions) *Tensor {
		return x.DepthwiseConv2d(x.device.Full(scale, p.KH, p.KW, 1, x.Dim(3)), nil, o)
	}
	padded := p.Top > 0 || p.Left > 0 || below > 0 || right > 0
	if cut := below > p.Top || right > p.Left; !cut && !(o.ExcludePadding && padded) {
		return sum(t, 1/float64(p.KH*p.KW), windows)
	}
	counted, counts := t.device.Full(1, 1, p.H, p.W, 1), windows
	if !o.ExcludePadding {
		counted = t.device.Full(1, 1, p.H+2*p.Top, p.W+2*p.Left, 1)
		counts = DepthwiseOptions{Stride: windows.Stride, Bottom: max(0, below-p.Top), Right: max(0, right-p.Left)}
	}
	return sum(t, 1, windows).Mul(sum(counted, 1, counts).Reciprocal()) // [N, OH, OW, C]·[1, OH, OW, 1]
}
