package tensor

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// enlarged describes t as the small pictures of windows of factor×factor pixels.
func (t *Tensor) enlarged(operation string, factor int) kernel.Windows {
	if t.rank != 4 || factor < 1 {
		panic(fmt.Sprintf("tensor: %s of %v by %d", operation, t, factor))
	}
	return kernel.Windows{N: t.dims[0], H: factor * t.dims[1], W: factor * t.dims[2], C: t.dims[3], Factor: factor}
}

// reduced describes t as the large pictures of windows of factor×factor pixels.
func (t *Tensor) reduced(operation string, factor int) kernel.Windows {
	if t.rank != 4 || factor < 1 || t.dims[1]%factor != 0 || t.dims[2]%factor != 0 {
		panic(fmt.Sprintf("tensor: %s of %v by %d", operation, t, factor))
	}
	return kernel.Windows{N: t.dims[0], H: t.dims[1], W: t.dims[2], C: t.dims[3], Factor: factor}
}

// emptySmall returns the uninitialised small pictures of w.
func (d *Device) emptySmall(w kernel.Windows) *Tensor {
	return d.empty(w.N, w.H/w.Factor, w.W/w.Factor, w.C)
}

// Upsample repeats each pixel of t [N, H, W, C] factor times in both directions (nearest neighbour): [N, factor·H, factor·W, C].
func (t *Tensor) Upsample(factor int) *Tensor {
	w := t.enlarged("Upsample", factor)
	y := t.device.empty(w.N, w.H, w.W, w.C)
	t.kernels().Upsample(w, 1, t.data, y.data)
	if t.device.recording(t) {
		t.device.record(func() {
			t.addGrad(func(dst kernel.Buffer) { t.kernels().SumWindows(w, 1, y.grad, dst) })
		}, y)
	}
	return y
}

// AvgPool averages windows of factor×factor pixels of t [N, H, W, C] that don't overlap: [N, H/factor, W/factor, C]. factor must
// divide H and W.
func (t *Tensor) AvgPool(factor int) *Tensor {
	w := t.reduced("AvgPool", factor)
	scale := 1 / float64(factor*factor)
	y := t.device.emptySmall(w)
	t.kernels().SumWindows(w, scale, t.data, y.data)
	if t.device.recording(t) {
		t.device.record(func() {
			t.addGrad(func(dst kernel.Buffer) { t.kernels().Upsample(w, scale, y.grad, dst) })
		}, y)
	}
	return y
}

// MaxPool returns the largest number of each channel in windows of factor×factor pixels of t [N, H, W, C] that don't overlap:
// [N, H/factor, W/factor, C]. factor must divide H and W. The gradient flows to the first of the largest numbers.
func (t *Tensor) MaxPool(factor int) *Tensor {
	t.reduced("MaxPool", factor)
	return t.MaxPool2d(PoolOptions{Kernel: [2]int{factor, factor}})
}

// Blur halves the resolution of t [N, H, W, C] without aliasing: [N, H/2, W/2, C]. It convolves each channel with
// [1 3 3 1]⊗[1 3 3 1]/64 at stride 2, and reflects one pixel at each border (Zhang, 2019). H and W must be even.
func (t *Tensor) Blur() *Tensor {
	w := t.reduced("Blur", 2)
	y := t.device.emptySmall(w)
	t.kernels().Blur(w, t.data, y.data)
	if t.device.recording(t) {
		t.device.record(func() {
			t.addGrad(func(dst kernel.Buffer) { t.kernels().BlurGrad(w, y.grad, dst) })
		}, y)
	}
	return y
}

// Pad adds rows and columns of zeros around the pictures of t [N, H, W, C]: [N, top+H+bottom, left+W+right, C]. It serves
// convolutions whose padding differs between opposite sides.
func (t *Tensor) Pad(top, bottom, left, right int) *Tensor {
	if t.rank != 4 || min(top, bottom, left, right) < 0 {
		panic(fmt.Sprintf("tensor: Pad of %v by %d, %d, %d and %d", t, top, bottom, left, right))
	}
	n, h, w, c := t.dims[0], t.dims[1], t.dims[2], t.dims[3]
	height, width := top+h+bottom, left+w+right
	y := t.device.empty(n, height, width, c)
	inside := kernel.Strided{
		Rank: 3, Shape: kernel.Dims{n, h, w * c}, OffsetDst: (top*width + left) * c,
		StrideDst: kernel.Dims{height * width * c, width * c, 1}, StrideSrc: kernel.Dims{h * w * c, w * c, 1},
	}
	t.kernels().Fill(y.data, 0)
	t.kernels().Copy(inside, y.data, t.data)
	if t.device.recording(t) {
		t.device.record(func() {
			t.addGrad(func(dst kernel.Buffer) { t.kernels().Copy(reversed(inside), dst, y.grad) })
		}, y)
	}
	return y
}
