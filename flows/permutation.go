package flows

import (
	"errors"
	"slices"

	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Permutation reorders the columns: z[j] = x[P[j]]. It preserves volume. The order is saved with the model.
type Permutation struct {
	P        *tensor.Tensor // indices [D]
	InverseP *tensor.Tensor // indices [D], x[j] = z[InverseP[j]]
}

// NewPermutation returns the permutation in which column j comes from column order[j].
func NewPermutation(d *tensor.Device, order []int32) *Permutation {
	inverse := invert(order)
	if inverse == nil {
		panic("flows: a permutation must name every column once")
	}
	return &Permutation{P: d.Ints(order).Keep(), InverseP: d.Ints(inverse).Keep()}
}

// invert returns the inverse of a permutation; nil if order is none.
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

// NewRandomPermutation draws an order of dim columns.
func NewRandomPermutation(d *tensor.Device, dim int, g *tensor.Generator) *Permutation {
	return NewPermutation(d, g.Permutation(dim))
}

// NewReversal returns the permutation of dim columns that puts the last one first.
func NewReversal(d *tensor.Device, dim int) *Permutation {
	order := make([]int32, dim)
	for i := range order {
		order[i] = int32(dim - 1 - i)
	}
	return NewPermutation(d, order)
}

// Forward implements [Bijection].
func (p *Permutation) Forward(x, _ *tensor.Tensor) (z, logDet *tensor.Tensor) {
	return spread(p.add(x, nil, logDets{}, false))
}

// Inverse implements [Bijection].
func (p *Permutation) Inverse(z, _ *tensor.Tensor) (x, logDet *tensor.Tensor) {
	return spread(p.add(z, nil, logDets{}, true))
}

// add implements adding.
func (p *Permutation) add(x, _ *tensor.Tensor, l logDets, inverse bool) (*tensor.Tensor, logDets) {
	if inverse {
		return x.Gather(1, p.InverseP), l
	}
	return x.Gather(1, p.P), l
}

// Visit implements [nn.Module].
func (p *Permutation) Visit(path string, f func(nn.Param)) {
	var inverse []int32
	f(nn.Param{Path: nn.Join(path, "p"), Tensor: p.P, Check: func(order []int32) error {
		if inverse = invert(order); inverse == nil {
			return errors.New("that doesn't name every column once")
		}
		return nil
	}})
	f(nn.Param{Path: nn.Join(path, "invp"), Tensor: p.InverseP, Check: func(order []int32) error {
		if inverse != nil && !slices.Equal(order, inverse) {
			return errors.New("that isn't the inverse of the permutation before it")
		}
		return nil
	}})
}

// SetTraining implements [nn.Module].
func (p *Permutation) SetTraining(bool) {}
