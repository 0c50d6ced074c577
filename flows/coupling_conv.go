package flows

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Picture is the shape of rows that are pictures, [N, Height·Width·Channels], channels last.
type Picture struct {
	Height   int `json:"height"`
	Width    int `json:"width"`
	Channels int `json:"channels"`
}

// columns is the number of columns of a row.
func (p Picture) columns() int { return p.Height * p.Width * p.Channels }

// ConvCoupling is a coupling of pictures: the first half of the channels passes and predicts, by three convolutions (3×3, 1×1,
// 3×3), a monotone map of each number of the second half (Kingma & Dhariwal, "Glow", 2018, section 3.3). The last convolution
// starts at 0, so that the coupling starts as the identity with an affine map.
type ConvCoupling struct {
	directions
	Map Monotone
	Net *nn.Sequential // [N, H, W, passive + C] → [N, H, W, active·P]

	picture Picture
}

// NewConvCoupling returns a coupling of pictures with two channels or more. hidden is the number of the network's channels,
// condition that of the condition's columns, which reach the network as constant channels; 0 for none.
func NewConvCoupling(d *tensor.Device, p Picture, m Monotone, hidden, condition int, g *tensor.Generator) *ConvCoupling {
	if p.Channels < 2 {
		panic("flows: a coupling of pictures needs two channels")
	}
	c := &ConvCoupling{Map: m, picture: p, Net: &nn.Sequential{}}
	act := func(o tensor.ConvOptions) tensor.ConvOptions { o.Act = tensor.ReLU; return o }
	last := nn.NewConv2d(d, hidden, c.active()*m.Params(), 3, true, tensor.StridePad(1, 1), g)
	last.Weight.Set(make([]float32, last.Weight.Len()))
	last.Bias.Set(make([]float32, last.Bias.Len()))
	c.Net.Add("0", nn.NewConv2d(d, c.passive()+condition, hidden, 3, true, act(tensor.StridePad(1, 1)), g))
	c.Net.Add("2", nn.NewConv2d(d, hidden, hidden, 1, true, act(tensor.StridePad(1, 0)), g))
	c.Net.Add("4", last)
	c.directions = directions{c}
	return c
}

// passive and active are the numbers of channels.
func (c *ConvCoupling) passive() int { return c.picture.Channels / 2 }
func (c *ConvCoupling) active() int  { return c.picture.Channels - c.passive() }

// accumulate implements accumulator.
func (c *ConvCoupling) accumulate(x, cond *tensor.Tensor, l logDets, inverse bool) (*tensor.Tensor, logDets) {
	n, p := x.Dim(0), c.picture
	pixels := x.Reshape(n, p.Height, p.Width, p.Channels)
	pass, change := pixels.Slice(3, 0, c.passive()), pixels.Slice(3, c.passive(), p.Channels)
	in := pass
	if cond != nil {
		in = tensor.Concat(3, pass, cond.Reshape(n, 1, 1, -1).Expand(n, p.Height, p.Width, cond.Dim(1)))
	}
	numbers := p.Height * p.Width * c.active()
	params := c.Net.Forward(in).Reshape(n, numbers*c.Map.Params())
	changed, logSlope := c.Map.Apply(change.Reshape(n, numbers), params, inverse)
	l.rows = plus(l.rows, logSlope.Sum(1))
	y := tensor.Concat(3, pass, changed.Reshape(n, p.Height, p.Width, c.active()))
	return y.Reshape(n, p.columns()), l
}

// Visit implements [nn.Module].
func (c *ConvCoupling) Visit(path string, f func(nn.Param)) { c.Net.Visit(nn.Join(path, "net"), f) }

// SetTraining implements [nn.Module].
func (c *ConvCoupling) SetTraining(bool) {}

// String implements [fmt.Stringer].
func (c *ConvCoupling) String() string {
	p := c.picture
	return fmt.Sprintf("ConvCoupling(%d×%d×%d, %v)", p.Height, p.Width, p.Channels, c.Map)
}
