package backbone

import (
	"math"

	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// builder makes units on a device.
type builder struct {
	device *tensor.Device
	depth  *stochasticDepth // shared by the blocks that may be skipped
}

// act is the activation after a unit.
type act int

const (
	linear act = iota
	relu
	relu6 // min(max(x, 0), 6)
	silu  // x·sigmoid(x)
)

// unit is a convolution without bias, dense or depth-wise, batch normalization and an activation.
type unit struct {
	dense *nn.Conv2d          // nil: depth-wise
	each  *nn.DepthwiseConv2d // nil: dense
	norm  *nn.BatchNorm
	act   act
	same  bool // pad as TensorFlow's SAME

	folded *folded // nil until it is needed
}

// folded is a convolution that computes a unit of constant parameters: batch normalization scales its weights, and gives the bias.
type folded struct{ weight, bias *tensor.Tensor }

// conv returns a dense unit with a square kernel.
func (b builder) conv(in, out, kernel, stride int, a act) *unit {
	o := tensor.StridePad(stride, 0)
	return &unit{dense: &nn.Conv2d{Weight: nn.Constant(b.device, 0, kernel, kernel, in, out), Options: o}, norm: b.norm(out), act: a}
}

// depthwise returns a depth-wise unit with a square kernel.
func (b builder) depthwise(channels, kernel, stride int, a act) *unit {
	o := tensor.DepthwiseOptions{Stride: [2]int{stride, stride}}
	return &unit{each: &nn.DepthwiseConv2d{Weight: nn.Constant(b.device, 0, kernel, kernel, 1, channels), Options: o}, norm: b.norm(channels), act: a}
}

func (b builder) norm(channels int) *nn.BatchNorm {
	n := nn.NewBatchNorm(b.device, channels, tensor.Identity)
	n.SetTraining(false)
	return n
}

// padded makes u pad as TensorFlow's SAME does.
func (u *unit) padded() *unit {
	u.same = true
	return u
}

// eps sets the constant that is added to the variance.
func (u *unit) eps(v float64) *unit {
	u.norm.Eps = v
	return u
}

// weight is that of the convolution.
func (u *unit) weight() *tensor.Tensor {
	if u.dense != nil {
		return u.dense.Weight
	}
	return u.each.Weight
}

// forward maps [N, H, W, in] to [N, H', W', out].
func (u *unit) forward(x *tensor.Tensor) *tensor.Tensor {
	if u.weight().RequiresGrad() {
		return u.activate(u.norm.Forward(u.convolve(x, u.weight(), nil, tensor.Identity)))
	}
	if u.folded == nil {
		u.folded = u.fold()
	}
	fused := tensor.Identity
	if (u.act == relu || u.act == relu6) && u.dense != nil {
		fused = tensor.ReLU
	}
	y := u.convolve(x, u.folded.weight, u.folded.bias, fused)
	if fused == tensor.ReLU {
		return u.cut(y)
	}
	return u.activate(y)
}

// convolve pads and convolves x. A dense convolution applies the fused activation, a depth-wise one none.
func (u *unit) convolve(x, w, bias *tensor.Tensor, fused tensor.Activation) *tensor.Tensor {
	if u.dense == nil {
		each := nn.DepthwiseConv2d{Weight: w, Bias: bias, Options: u.each.Options, Same: u.same}
		return each.Forward(x)
	}
	o := u.dense.Options
	o.Act = fused
	if u.same {
		top, bottom := tensor.SamePadding(x.Dim(1), w.Dim(0), max(o.Stride[0], 1), 1)
		left, right := tensor.SamePadding(x.Dim(2), w.Dim(1), max(o.Stride[1], 1), 1)
		if max(top, bottom, left, right) > 0 {
			x = x.Pad(top, bottom, left, right)
		}
	}
	return x.Conv2d(w, bias, o)
}

func (u *unit) activate(x *tensor.Tensor) *tensor.Tensor {
	switch u.act {
	case linear:
		return x
	case silu:
		return x.SiLU()
	}
	return u.cut(x.ReLU())
}

// cut limits ReLU6 from above.
func (u *unit) cut(x *tensor.Tensor) *tensor.Tensor {
	if u.act == relu6 {
		return x.ClampMax(6)
	}
	return x
}

// fold computes the weights of the folded convolution.
func (u *unit) fold() *folded {
	w := u.weight()
	d := w.Device()
	s := d.Scratch()
	defer s.End()
	scale, shift := u.norm.Weight.Values(), u.norm.Bias.Values() // [out]
	mean, variance := u.norm.RunningMean.Values(), u.norm.RunningVar.Values()
	for c := range scale {
		scale[c] = float32(float64(scale[c]) / math.Sqrt(float64(variance[c])+u.norm.Eps))
		shift[c] -= mean[c] * scale[c]
	}
	values := w.Values() // [KH, KW, in or 1, out]
	for i := range values {
		values[i] *= scale[i%len(scale)]
	}
	f := &folded{weight: d.From(values, w.Shape()...).Keep(), bias: d.From(shift, len(shift)).Keep()}
	f.weight.Freeze()
	f.bias.Freeze()
	return f
}

// visit calls f for the parameters of the convolution and of the batch normalization under their names.
func (u *unit) visit(path, conv, norm string, f func(nn.Param)) {
	u.folded = nil // f may load other weights
	if u.dense != nil {
		u.dense.Visit(nn.Join(path, conv), f)
	} else {
		u.each.Visit(nn.Join(path, conv), f)
	}
	u.norm.Visit(nn.Join(path, norm), f)
}
