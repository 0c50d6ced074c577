package flows

import (
	"errors"
	"slices"

	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Permutation reorders the columns, z[j] = x[P[j]], with log-determinant 0. The order is saved with the model.
type Permutation struct {
	directions
	P        *tensor.Tensor // indices [D]
	InverseP *tensor.Tensor // indices [D], x[j] = z[InverseP[j]]
}

// NewPermutation returns the permutation in which column j comes from column order[j]. It panics unless order contains each
// column once.
func NewPermutation(d *tensor.Device, order []int32) *Permutation {
	inverse := invert(order)
	if inverse == nil {
		panic("flows: a permutation must contain each column once")
	}
	p := &Permutation{P: d.Ints(order).Keep(), InverseP: d.Ints(inverse).Keep()}
	p.directions = directions{p}
	return p
}

// invert returns the inverse of a permutation, or nil if order is not a permutation.
func invert(order []int32) []int32 {
	inverse := slices.Repeat([]int32{-1}, len(order))
	for to, from := range order {
		if from < 0 || int(from) >= len(order) || inverse[from] >= 0 {
			return nil
		}
		inverse[from] = int32(to)
	}
	return inverse
}

// NewRandomPermutation returns a random permutation of dim columns, drawn from g.
func NewRandomPermutation(d *tensor.Device, dim int, g *tensor.Generator) *Permutation {
	return NewPermutation(d, g.Permutation(dim))
}

// NewReversal returns the permutation that reverses the order of dim columns.
func NewReversal(d *tensor.Device, dim int) *Permutation {
	order := make([]int32, dim)
	for i := range order {
		order[i] = int32(dim - 1 - i)
	}
	return NewPermutation(d, order)
}

// accumulate implements accumulator.
func (p *Permutation) accumulate(x, _ *tensor.Tensor, l logDets, inverse bool) (*tensor.Tensor, logDets) {
	if inverse {
		return x.Gather(1, p.InverseP), l
	}
	return x.Gather(1, p.P), l
}

// Visit implements [nn.Module].
func (p *Permutation) Visit(path string, f func(nn.Param)) {
	var inverse []int32
	f(nn.Param{Path: nn.Join(path, "p"), Tensor: p.P, Layer: p, Check: func(order []int32) error {
		if inverse = invert(order); inverse == nil {
			return errors.New("that is not a permutation of the columns")
		}
		return nil
	}})
	f(nn.Param{Path: nn.Join(path, "invp"), Tensor: p.InverseP, Layer: p, Check: func(order []int32) error {
		if inverse != nil && !slices.Equal(order, inverse) {
			return errors.New("that is not the inverse of the permutation before it")
		}
		return nil
	}})
}

// SetTraining implements [nn.Module].
func (p *Permutation) SetTraining(bool) {}
