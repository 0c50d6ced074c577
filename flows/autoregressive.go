package flows

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Autoregressive maps each column by a monotone map whose parameters a masked network predicts from the columns before it and
// the condition (Papamakarios et al., 2017, "Masked Autoregressive Flow"; with splines, Durkan et al., 2019):
//
//	z_i = τ(x_i; h(c, x_1 … x_{i−1}))    log|det| = Σ log τ′(x_i)
//
// Forward takes one pass of the network. Inverse computes column after column, but each unit of the network only once, so it
// costs about as much as one pass, too: a unit is final as soon as the columns that it depends on are. [Invert] makes an inverse
// autoregressive flow of it (Kingma et al., 2016), which samples in one pass.
type Autoregressive struct {
	directions
	Map Monotone
	Net *MADE
}

// AutoregressiveConfig describes an autoregressive layer.
type AutoregressiveConfig struct {
	Map       Monotone
	Hidden    []int // sizes of the network's hidden layers
	Condition int   // columns of the condition, 0 for none
	Reverse   bool  // the last column comes first
}

// NewAutoregressive returns an autoregressive layer of dim columns; the network is initialised from g.
func NewAutoregressive(d *tensor.Device, dim int, c AutoregressiveConfig, g *tensor.Generator) *Autoregressive {
	order := make([]int, dim)
	for j := range order {
		if order[j] = j + 1; c.Reverse {
			order[j] = dim - j
		}
	}
	a := &Autoregressive{Map: c.Map, Net: NewMADE(d, order, c.Condition, c.Hidden, c.Map.Params(), g)}
	a.directions = directions{a}
	return a
}

// accumulate implements accumulator.
func (a *Autoregressive) accumulate(x, cond *tensor.Tensor, l logDets, inverse bool) (y *tensor.Tensor, _ logDets) {
	var logSlope *tensor.Tensor
	switch {
	case !inverse:
		y, logSlope = a.Map.Apply(x, a.Net.Forward(x, cond), false)
	case engine.Taping(x.Device()):
		y, logSlope = a.inverseByPasses(x, cond)
	default:
		y, logSlope = a.inverseByUnits(x, cond)
	}
	l.rows = plus(l.rows, logSlope.Sum(1))
	return y, l
}

// inverseByPasses computes the inverse with gradients: each of D passes finds one column more. Columns that are not final yet
// don't influence those that are.
func (a *Autoregressive) inverseByPasses(z, cond *tensor.Tensor) (x, logSlope *tensor.Tensor) {
	x = z
	for range z.Dim(1) {
		x, logSlope = a.Map.Apply(z, a.Net.Forward(x, cond), true)
	}
	return x, logSlope
}

// Visit implements [nn.Module].
func (a *Autoregressive) Visit(path string, f func(nn.Param)) { a.Net.Visit(nn.Join(path, "net"), f) }

// SetTraining implements [nn.Module].
func (a *Autoregressive) SetTraining(bool) {}

// String implements [fmt.Stringer].
func (a *Autoregressive) String() string { return fmt.Sprintf("Autoregressive(%v)", a.Map) }
