package flows

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Pointwise applies a bijection of C columns at each position of pictures or sequences: rows [N, P·C] hold C channels at each of
// P positions, channels last. With [LU] it is Glow's invertible 1×1 convolution (Kingma & Dhariwal, 2018, section 3.2).
type Pointwise struct {
	directions
	Of       Bijection // of rows [N·P, C], without a condition
	Channels int
}

// NewPointwise applies of, a bijection of rows of the given number of channels, at each position.
func NewPointwise(of Bijection, channels int) *Pointwise {
	p := &Pointwise{Of: of, Channels: channels}
	p.directions = directions{p}
	return p
}

// accumulate implements accumulator.
func (p *Pointwise) accumulate(x, _ *tensor.Tensor, l logDets, inverse bool) (*tensor.Tensor, logDets) {
	n, positions := x.Dim(0), x.Dim(1)/p.Channels
	y, own := accumulating(p.Of).accumulate(x.Reshape(n*positions, p.Channels), nil, logDets{}, inverse)
	if own.rows != nil {
		l.rows = plus(l.rows, own.rows.Reshape(n, positions).Sum(1))
	}
	if own.shared != nil {
		l.shared = plus(l.shared, own.shared.Scale(float64(positions)))
	}
	return y.Reshape(n, positions*p.Channels), l
}

// Invertible implements the optional method of a [Bijection].
func (p *Pointwise) Invertible() error { return Invertible(p.Of) }

// Visit implements [nn.Module].
func (p *Pointwise) Visit(path string, f func(nn.Param)) { p.Of.Visit(path, f) }

// SetTraining implements [nn.Module].
func (p *Pointwise) SetTraining(on bool) { p.Of.SetTraining(on) }

// String implements [fmt.Stringer].
func (p *Pointwise) String() string {
	return fmt.Sprintf("Pointwise(%d channels, %s)", p.Channels, describe(p.Of))
}
