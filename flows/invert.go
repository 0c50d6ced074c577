package flows

import (
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Inverted is a bijection with its directions exchanged.
type Inverted struct {
	directions
	Of Bijection
}

// Invert exchanges the directions of a bijection: of a masked autoregressive layer it makes an inverse autoregressive one.
func Invert(b Bijection) *Inverted {
	i := &Inverted{Of: b}
	i.directions = directions{i}
	return i
}

// accumulate implements accumulator.
func (i *Inverted) accumulate(x, cond *tensor.Tensor, l logDets, inverse bool) (*tensor.Tensor, logDets) {
	return accumulating(i.Of).accumulate(x, cond, l, !inverse)
}

// Invertible returns nil if both directions of the bijection can be computed; see [Invertible].
func (i *Inverted) Invertible() error { return Invertible(i.Of) }

// Visit implements [nn.Module]. The paths are those of the bijection itself.
func (i *Inverted) Visit(path string, f func(nn.Param)) { i.Of.Visit(path, f) }

// SetTraining implements [nn.Module].
func (i *Inverted) SetTraining(on bool) { i.Of.SetTraining(on) }
