package flows

import (
	"slices"
	"strconv"

	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// AffineCoupling passes some columns xₚ through unchanged and scales and shifts the others xₐ by functions of them
// and of the condition c (Dinh et al., 2017, eq. 7 and 8):
//
//	zₚ = xₚ    zₐ = xₐ·exp(s(c, xₚ)) + t(c, xₚ)    log|det| = Σ s(c, xₚ)
//
// s and t are networks with ReLU between their layers; they may share one network, which gives [s, t]. They see and
// produce only what is used of the columns.
type AffineCoupling struct {
	S *nn.Sequential // from [N, C + passive] to s [N, active], or to [s, t] where T is nil
	T *nn.Sequential // from [N, C + passive] to t [N, active]
	// Bounded applies tanh to s, so that a layer scales by e⁻¹ to e at most.
	Bounded bool

	passive []int // columns, ascending
	columns columns
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
	if len(passive) == 0 || len(passive) == dim {
		panic("flows: a coupling's passive columns must be neither none nor all")
	}
	c := &AffineCoupling{Bounded: cfg.Bounded, passive: slices.Clone(passive), columns: newColumns(d, dim, passive)}
	in, out := cfg.Condition+len(passive), c.columns.active
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

// Forward implements [Bijection].
func (c *AffineCoupling) Forward(x, cond *tensor.Tensor) (z, logDet *tensor.Tensor) {
	return spread(c.add(x, cond, logDets{}, false))
}

// Inverse implements [Bijection].
func (c *AffineCoupling) Inverse(z, cond *tensor.Tensor) (x, logDet *tensor.Tensor) {
	return spread(c.add(z, cond, logDets{}, true))
}

// add implements adding. It is the same both ways but for the affine map, since what passes is the same on both sides.
func (c *AffineCoupling) add(x, cond *tensor.Tensor, l logDets, inverse bool) (*tensor.Tensor, logDets) {
	return c.addAndPermute(x, cond, l, affine{inverse: inverse})
}

// addAndPermute is add that permutes the columns of the result as o says, which then costs nothing.
func (c *AffineCoupling) addAndPermute(x, cond *tensor.Tensor, l logDets, o affine) (y *tensor.Tensor, _ logDets) {
	in := c.columns.input(x, cond)
	st := c.S.Forward(in)
	if c.T != nil {
		st = tensor.Concat(1, st, c.T.Forward(in))
	}
	o.bounded, o.before = c.Bounded, l.rows
	y, l.rows = c.columns.affine(x, st, o)
	return y, l
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
