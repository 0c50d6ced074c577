package flows

import (
	"strconv"

	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// AffineCoupling passes some columns xₚ through unchanged and scales and shifts the others xₐ by functions of them
// and of the condition c (Dinh et al., 2017, eq. 7 and 8):
//
//	zₚ = xₚ    zₐ = xₐ·exp(s(c, xₚ)) + t(c, xₚ)    log|det| = Σ s(c, xₚ)
//
// s and t are networks with ReLU between their layers; they may share one network, which gives [s, t]. The active
// columns are gathered, so the networks see and produce only what is used of them.
type AffineCoupling struct {
	S *nn.Sequential // from [N, C + passive] to s [N, active], or to [s, t] where T is nil
	T *nn.Sequential // from [N, C + passive] to t [N, active]
	// Bounded applies tanh to s, so that a layer scales by e⁻¹ to e at most.
	Bounded bool

	passive, active columns
	activeFirst     bool           // whether the active part goes first where the two are joined
	order           *tensor.Tensor // where each column is in the joined parts; nil if they are in order
}

// CouplingConfig describes the networks of a coupling.
type CouplingConfig struct {
	Hidden        []int // sizes of the hidden layers
	Condition     int   // columns of the condition, 0 for none
	SingleNetwork bool  // one network for s and t
	Bounded       bool  // tanh on s
}

// NewAffineCoupling returns a coupling of dim columns of which it passes those listed, ascending. Its networks have
// PyTorch's default initialisation.
func NewAffineCoupling(d *tensor.Device, dim int, passive []int, cfg CouplingConfig, g *tensor.Generator) *AffineCoupling {
	c := &AffineCoupling{Bounded: cfg.Bounded}
	c.passive, c.active = split(d, dim, passive)
	c.activeFirst = c.active.list[0] == 0
	if c.passive.index != nil || c.active.index != nil {
		c.order = intTensor(d, c.positions(dim))
	}
	in, out := cfg.Condition+len(c.passive.list), len(c.active.list)
	if cfg.SingleNetwork {
		c.S = newNetwork(d, in, cfg.Hidden, 2*out, g)
	} else {
		c.S = newNetwork(d, in, cfg.Hidden, out, g)
		c.T = newNetwork(d, in, cfg.Hidden, out, g)
	}
	return c
}

// newNetwork returns linear layers with ReLU between them, named as if each ReLU were a layer of its own.
func newNetwork(d *tensor.Device, in int, hidden []int, out int, g *tensor.Generator) *nn.Sequential {
	n := &nn.Sequential{}
	for i, size := range hidden {
		l := nn.NewLinear(d, in, size, true, g)
		l.Act = tensor.ReLU
		n.Add(strconv.Itoa(2*i), l)
		in = size
	}
	n.Add(strconv.Itoa(2*len(hidden)), nn.NewLinear(d, in, out, true, g))
	return n
}

// positions lists where each column stands in the joined parts.
func (c *AffineCoupling) positions(dim int) []int {
	first, second := c.passive.list, c.active.list
	if c.activeFirst {
		first, second = second, first
	}
	at := make([]int, dim)
	for i, column := range first {
		at[column] = i
	}
	for i, column := range second {
		at[column] = len(first) + i
	}
	return at
}

// Forward implements [Bijection].
func (c *AffineCoupling) Forward(x, cond *tensor.Tensor) (z, logDet *tensor.Tensor) {
	return c.run(x, cond, false)
}

// Inverse implements [Bijection].
func (c *AffineCoupling) Inverse(z, cond *tensor.Tensor) (x, logDet *tensor.Tensor) {
	return c.run(z, cond, true)
}

// run is the same both ways but for the affine map, since the passive columns are the same on both sides.
func (c *AffineCoupling) run(x, cond *tensor.Tensor, inverse bool) (y, logDet *tensor.Tensor) {
	passive := c.passive.of(x)
	changed, logDet := c.active.of(x).AffineCoupling(c.scaleAndShift(passive, cond), c.Bounded, inverse)
	if c.activeFirst {
		y = tensor.Concat(1, changed, passive)
	} else {
		y = tensor.Concat(1, passive, changed)
	}
	if c.order != nil {
		y = y.Gather(1, c.order)
	}
	return y, logDet
}

// scaleAndShift returns s, not yet bounded, and t in each row: [N, 2·active].
func (c *AffineCoupling) scaleAndShift(passive, cond *tensor.Tensor) *tensor.Tensor {
	in := passive
	if cond != nil {
		in = tensor.Concat(1, cond, passive)
	}
	if c.T == nil {
		return c.S.Forward(in)
	}
	return tensor.Concat(1, c.S.Forward(in), c.T.Forward(in))
}

// Visit implements [nn.Module].
func (c *AffineCoupling) Visit(path string, f func(nn.Param)) {
	c.S.Visit(nn.Join(path, "s"), f)
	if c.T != nil {
		c.T.Visit(nn.Join(path, "t"), f)
	}
}

// SetTraining implements [nn.Module].
func (c *AffineCoupling) SetTraining(bool) {}
