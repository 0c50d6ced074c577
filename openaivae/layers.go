package openaivae

import (
	"fmt"
	"math"

	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// conv is a convolution that keeps the height and the width. Its parameters have OpenAI's names, w and b.
type conv struct{ *nn.Conv2d }

// newConv returns a convolution initialised as OpenAI's: weights from N(0, 1/(in·kernel²)), biases of zeros.
func newConv(d *tensor.Device, in, out, kernel int, act tensor.Activation, g *tensor.Generator) conv {
	o := tensor.StridePad(1, kernel/2)
	o.Act = act
	c := &nn.Conv2d{Options: o, Bias: nn.Constant(d, 0, out)}
	c.Weight = nn.Normal(d, g, 0, 1/math.Sqrt(float64(in*kernel*kernel)), kernel, kernel, in, out)
	return conv{c}
}

// Visit implements nn.Module.
func (c conv) Visit(path string, f func(nn.Param)) {
	short := map[string]string{"weight": "w", "bias": "b"}
	c.Conv2d.Visit("", func(p nn.Param) {
		p.Path = nn.Join(path, short[p.Path])
		f(p)
	})
}

// block is a residual block, [N, H, W, in] → [N, H, W, out]: id(x) + gain·res(ReLU(x)), where id is a convolution of 1×1
// if the number of channels changes.
type block struct {
	id   *conv // nil: the identity
	res  *nn.Sequential
	gain float64
}

// newBlock returns a block whose four convolutions have these kernels.
func newBlock(d *tensor.Device, in, out int, kernels [4]int, gain float64, g *tensor.Generator) *block {
	b := &block{res: &nn.Sequential{}, gain: gain}
	if in != out {
		id := newConv(d, in, out, 1, tensor.Identity, g)
		b.id = &id
	}
	hidden, from := out/4, in
	for i, kernel := range kernels {
		to, act := hidden, tensor.ReLU
		if i == len(kernels)-1 {
			to, act = out, tensor.Identity
		}
		b.res.Add(fmt.Sprintf("conv_%d", i+1), newConv(d, from, to, kernel, act, g))
		from = to
	}
	return b
}

// Forward implements nn.Layer.
func (b *block) Forward(x *tensor.Tensor) *tensor.Tensor {
	y := b.res.Forward(x.ReLU()).Scale(b.gain)
	if b.id != nil {
		x = b.id.Forward(x)
	}
	return x.Add(y)
}

// Visit implements nn.Module.
func (b *block) Visit(path string, f func(nn.Param)) {
	if b.id != nil {
		b.id.Visit(nn.Join(path, "id_path"), f)
	}
	b.res.Visit(nn.Join(path, "res_path"), f)
}

// SetTraining implements nn.Module.
func (b *block) SetTraining(bool) {}

// halve is a maximum over windows of 2×2, [N, H, W, C] → [N, H/2, W/2, C].
type halve struct{ nn.Stateless }

// Forward implements nn.Layer.
func (halve) Forward(x *tensor.Tensor) *tensor.Tensor { return x.MaxPool(2) }

// double repeats each pixel 2×2 times, [N, H, W, C] → [N, 2H, 2W, C].
type double struct{ nn.Stateless }

// Forward implements nn.Layer.
func (double) Forward(x *tensor.Tensor) *tensor.Tensor { return x.Upsample(2) }

// addGroup adds a group of blocks to net, and a last layer unless it is nil.
func addGroup(net *nn.Sequential, name string, d *tensor.Device, in, out, blocks int, kernels [4]int, last nn.Layer, g *tensor.Generator) {
	group := &nn.Sequential{}
	layers := float64(groups * blocks)
	for i := range blocks {
		group.Add(fmt.Sprintf("block_%d", i+1), newBlock(d, in, out, kernels, 1/(layers*layers), g))
		in = out
	}
	if last != nil {
		group.Add("last", last)
	}
	net.Add(name, group)
}
