package flows

import (
	"fmt"
	"slices"

	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Partial applies a bijection to some of the columns and passes the others: what a multiscale flow does with the columns that
// are not factored out yet (Dinh et al., 2017, section 3.6).
type Partial struct {
	directions
	Of Bijection // of rows [N, len(columns)]

	inside, outside *tensor.Tensor // indices of columns
	back            *tensor.Tensor // indices [D] of the columns in [inside, outside]
}

// NewPartial applies of to the given columns of dim, in their order. It panics unless these are some but not all columns.
func NewPartial(d *tensor.Device, dim int, columns []int, of Bijection) *Partial {
	if len(columns) == 0 || len(columns) >= dim {
		panic("flows: a partial bijection takes some of the columns, neither none nor all")
	}
	var inside, outside []int32
	for _, column := range columns {
		inside = append(inside, int32(column))
	}
	for column := range dim {
		if !slices.Contains(columns, column) {
			outside = append(outside, int32(column))
		}
	}
	p := &Partial{
		Of: of, inside: d.Ints(inside).Keep(), outside: d.Ints(outside).Keep(),
		back: d.Ints(invert(slices.Concat(inside, outside))).Keep(),
	}
	p.directions = directions{p}
	return p
}

// accumulate implements accumulator.
func (p *Partial) accumulate(x, cond *tensor.Tensor, l logDets, inverse bool) (*tensor.Tensor, logDets) {
	y, l := accumulating(p.Of).accumulate(x.Gather(1, p.inside), cond, l, inverse)
	return tensor.Concat(1, y, x.Gather(1, p.outside)).Gather(1, p.back), l
}

// Invertible implements the optional method of a [Bijection].
func (p *Partial) Invertible() error { return Invertible(p.Of) }

// Visit implements [nn.Module].
func (p *Partial) Visit(path string, f func(nn.Param)) { p.Of.Visit(path, f) }

// SetTraining implements [nn.Module].
func (p *Partial) SetTraining(on bool) { p.Of.SetTraining(on) }

// String implements [fmt.Stringer].
func (p *Partial) String() string {
	return fmt.Sprintf("Partial(%d of %d columns, %s)", p.inside.Len(), p.back.Len(), describe(p.Of))
}
