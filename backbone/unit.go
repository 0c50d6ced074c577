package backbone

import (
	"math"
	"slices"

	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// builder makes the layers of a network on a device.
type builder struct {
	device *tensor.Device
	depth  *stochasticDepth // shared by the blocks that may be skipped
	norms  *[]*nn.BatchNorm // all that it made
}

// act is the activation after a unit.
type act int

const (
	linear act = iota
	relu
	relu6 // min(max(x, 0), 6)
	silu  // x·sigmoid(x)
	clamp // min(x, 6), the rest of relu6 after ReLU
)

// of returns the activation of x.
func (a act) of(x *tensor.Tensor) *tensor.Tensor {
	switch a {
	case relu:
		return x.ReLU()
	case relu6:
		return x.ReLU().ClampMax(6)
	case silu:
		return x.SiLU()
	case clamp:
		return x.ClampMax(6)
	}
	return x
}

// fused returns what a dense convolution can compute of the activation, and the rest.
func (a act) fused() (tensor.Activation, act) {
	switch a {
	case relu:
		return tensor.ReLU, linear
	case relu6:
		return tensor.ReLU, clamp
	}
	return tensor.Identity, a
}

// replace is of, in the memory of x where no gradient is recorded: the networks spend much of their time on memory. Nothing else may
// use x.
func (a act) replace(x *tensor.Tensor) *tensor.Tensor {
	if x.RequiresGrad() {
		return a.of(x)
	}
	k, data := engine.Kernels(x.Device()), engine.Data(x)
	switch a {
	case relu, relu6:
		k.Unary(kernel.ReLU, 0, data, data)
	case silu:
		k.Unary(kernel.SiLU, 0, data, data)
	}
	if a == relu6 || a == clamp {
		k.Unary(kernel.ClampMax, 6, data, data)
	}
	return x
}

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
	return b.grouped(in, out, kernel, stride, 1, a)
}

// grouped returns a dense unit with a square kernel, in groups of channels.
func (b builder) grouped(in, out, kernel, stride, groups int, a act) *unit {
	o := tensor.StridePad(stride, 0)
	o.Groups = groups
	w := nn.Constant(b.device, 0, kernel, kernel, in/groups, out)
	return &unit{dense: &nn.Conv2d{Weight: w, Options: o}, norm: b.norm(out), act: a}
}

// depthwise returns a depth-wise unit with a square kernel.
func (b builder) depthwise(channels, kernel, stride int, a act) *unit {
	o := tensor.DepthwiseOptions{Stride: [2]int{stride, stride}}
	return &unit{each: &nn.DepthwiseConv2d{Weight: nn.Constant(b.device, 0, kernel, kernel, 1, channels), Options: o}, norm: b.norm(channels), act: a}
}

func (b builder) norm(channels int) *nn.BatchNorm {
	n := nn.NewBatchNorm(b.device, channels, tensor.Identity)
	n.SetTraining(false)
	*b.norms = append(*b.norms, n)
	return n
}

// linear returns a linear layer with a bias.
func (b builder) linear(in, out int, a tensor.Activation) *nn.Linear {
	return &nn.Linear{Weight: nn.Constant(b.device, 0, in, out), Bias: nn.Constant(b.device, 0, out), Act: a}
}

// padded makes u pad as TensorFlow's SAME does.
func (u *unit) padded() *unit {
	u.same = true
	return u
}

// centred makes u pad all sides by half the kernel, as PyTorch's networks do.
func (u *unit) centred() *unit {
	pad := u.weight().Dim(0) / 2
	if u.dense != nil {
		u.dense.Options.Padding = [2]int{pad, pad}
		return u
	}
	o := &u.each.Options
	o.Top, o.Bottom, o.Left, o.Right = pad, pad, pad, pad
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
		return u.act.of(u.norm.Forward(u.convolve(x, u.weight(), nil, tensor.Identity)))
	}
	if u.folded == nil {
		u.folded = u.fold()
	}
	fused, rest := tensor.Identity, u.act
	if u.dense != nil {
		fused, rest = u.act.fused()
	}
	return rest.replace(u.convolve(x, u.folded.weight, u.folded.bias, fused))
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
	for row := range slices.Chunk(values, len(scale)) {
		for c := range row {
			row[c] *= scale[c]
		}
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

// named is a unit with the paths of its convolution and its batch normalization.
type named struct {
	*unit
	conv, norm string
}

// inSequence names a unit as PyTorch does in a Sequential of a convolution and a batch normalization.
func (u *unit) inSequence(path string) named { return named{u, path + ".0", path + ".1"} }

// named names a unit by the paths of its layers.
func (u *unit) named(conv, norm string) named { return named{u, conv, norm} }

func (n named) visitNamed(path string, f func(nn.Param)) { n.visit(path, n.conv, n.norm, f) }

// average is the mean over positions, [N, H, W, C] → [N, C].
func average(x *tensor.Tensor) *tensor.Tensor {
	return x.Reshape(x.Dim(0), x.Dim(1)*x.Dim(2), x.Dim(3)).Mean(1)
}
