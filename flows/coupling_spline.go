package flows

import (
	"fmt"
	"slices"

	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Coupling passes some columns unchanged and maps each of the others by a monotone map, whose parameters a network predicts
// from the columns that pass and the condition (Dinh et al., 2017; with splines, Durkan et al., 2019, "Neural Spline Flows"):
//
//	zₚ = xₚ    zₐ = τ(xₐ; h(c, xₚ))    log|det| = Σ log τ′(xₐ)
//
// [AffineCoupling] is the affine form with a kernel of its own.
type Coupling struct {
	directions
	Map Monotone
	Net *nn.Sequential // from [N, C + passive] to [N, active·P]

	columns         columns
	passive, active *tensor.Tensor // indices of columns
	back            *tensor.Tensor // indices [D] of the columns in [passive, active]
}

// NewCoupling returns a coupling of dim columns. passive lists the columns that pass, ascending; it panics if these are none
// or all. c.Map is required; the network is initialised from g.
func NewCoupling(d *tensor.Device, dim int, passive []int, m Monotone, c CouplingConfig, g *tensor.Generator) *Coupling {
	if len(passive) == 0 || len(passive) == dim {
		panic("flows: a coupling's passive columns must be neither none nor all")
	}
	var pass, act []int32
	for column := range dim {
		if slices.Contains(passive, column) {
			pass = append(pass, int32(column))
		} else {
			act = append(act, int32(column))
		}
	}
	s := &Coupling{
		Map: m, columns: newColumns(d, dim, passive),
		passive: d.Ints(pass).Keep(), active: d.Ints(act).Keep(), back: d.Ints(invert(slices.Concat(pass, act))).Keep(),
		Net: newNetwork(d, c.Condition+len(passive), c.Hidden, len(act)*m.Params(), g),
	}
	s.directions = directions{s}
	return s
}

// accumulate implements accumulator.
func (s *Coupling) accumulate(x, cond *tensor.Tensor, l logDets, inverse bool) (*tensor.Tensor, logDets) {
	params := s.Net.Forward(s.columns.input(x, cond))                        // [N, active·P]
	changed, logSlope := s.Map.Apply(x.Gather(1, s.active), params, inverse) // [N, active]
	l.rows = plus(l.rows, logSlope.Sum(1))
	return tensor.Concat(1, x.Gather(1, s.passive), changed).Gather(1, s.back), l
}

// Visit implements [nn.Module].
func (s *Coupling) Visit(path string, f func(nn.Param)) { s.Net.Visit(nn.Join(path, "net"), f) }

// SetTraining implements [nn.Module].
func (s *Coupling) SetTraining(bool) {}

// String implements [fmt.Stringer].
func (s *Coupling) String() string { return fmt.Sprintf("Coupling(%v)", s.Map) }
