package flows

import (
	"slices"
	"strconv"

	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// AffineCoupling is an affine coupling layer (Dinh et al., 2017, eq. 7 and 8): it passes some columns xₚ unchanged, and scales
// and shifts the others xₐ by functions of them and of the condition c:
//
//	zₚ = xₚ    zₐ = xₐ·exp(s(c, xₚ)) + t(c, xₚ)    log|det| = Σ s(c, xₚ)
//
// s and t are networks with ReLU between their layers, or one network with the output [s, t]. Their input are the passive
// columns only, and their output is for the active columns only.
type AffineCoupling struct {
	directions
	S *nn.Sequential // from [N, C + passive] to s [N, active], or to [s, t] where T is nil
	T *nn.Sequential // from [N, C + passive] to t [N, active]
	// Bounded applies tanh to s, so that a layer scales by a factor between e⁻¹ and e.
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

// NewAffineCoupling returns a coupling of dim columns. passive lists the columns that pass, ascending; it panics if these are
// none or all. The networks have PyTorch's default initialization, drawn from g.
func NewAffineCoupling(d *tensor.Device, dim int, passive []int, cfg CouplingConfig, g *tensor.Generator) *AffineCoupling {
	if len(passive) == 0 || len(passive) == dim {
		panic("flows: a coupling's passive columns must be neither none nor all")
	}
	c := &AffineCoupling{Bounded: cfg.Bounded, passive: slices.Clone(passive), columns: newColumns(d, dim, passive)}
	c.directions = directions{c}
	in, out := cfg.Condition+len(passive), c.columns.active
	if cfg.SingleNetwork {
		c.S = newNetwork(d, in, cfg.Hidden, 2*out, g)
	} else {
		c.S = newNetwork(d, in, cfg.Hidden, out, g)
		c.T = newNetwork(d, in, cfg.Hidden, out, g)
	}
	return c
}

// newNetwork returns linear layers with ReLU between them, named as if each ReLU were a layer too, as in PyTorch.
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

// Dim returns the number of columns.
func (c *AffineCoupling) Dim() int { return c.columns.dim() }

// Passive returns the columns that pass unchanged, ascending.
func (c *AffineCoupling) Passive() []int { return slices.Clone(c.passive) }

// accumulate implements accumulator.
func (c *AffineCoupling) accumulate(x, cond *tensor.Tensor, l logDets, inverse bool) (*tensor.Tensor, logDets) {
	return c.run(x, cond, l, affine{inverse: inverse})
}

// run maps x as a says. Both directions call the networks with the same input, since passive columns don't change.
func (c *AffineCoupling) run(x, cond *tensor.Tensor, l logDets, a affine) (y *tensor.Tensor, _ logDets) {
	in := c.columns.input(x, cond) // [N, C + passive]
	st := c.S.Forward(in)          // [N, 2·active], or [N, active]
	if c.T != nil {
		st = tensor.Concat(1, st, c.T.Forward(in)) // [N, 2·active]
	}
	a.bounded, a.before = c.Bounded, l.rows
	y, l.rows = c.columns.affine(x, st, a)
	return y, l
}

// fuse implements fuser: the kernel of a coupling permutes the columns of its result at no cost.
func (c *AffineCoupling) fuse(next Bijection) accumulator {
	if p, ok := next.(*Permutation); ok {
		return permutedCoupling{c, p}
	}
	return nil
}

// permutedCoupling is a coupling and the permutation after it.
type permutedCoupling struct {
	coupling    *AffineCoupling
	permutation *Permutation
}

// accumulate implements accumulator, in the forward direction only.
func (f permutedCoupling) accumulate(x, cond *tensor.Tensor, l logDets, _ bool) (*tensor.Tensor, logDets) {
	return f.coupling.run(x, cond, l, affine{order: f.permutation.P})
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
