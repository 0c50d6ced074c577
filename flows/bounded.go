package flows

import (
	"fmt"
	"math"
	"slices"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Interval is the domain of a column: Low < x < High, either of which may be infinite.
type Interval struct{ Low, High float64 }

// Bounded maps columns with bounds to the whole line, so that a flow gives them no density outside of their bounds:
//
//	two bounds   z = log(u/(1 − u)) with u = (x − Low)/(High − Low), squeezed to [ε, 1 − ε]
//	one bound    z = log(exp(x − Low) − 1), or its mirror image for High: near the bound a logarithm, far from it the identity
//
// With ε = 10⁻⁶ the edges themselves have finite images; numbers outside of the bounds are taken for the edge. The bounds are
// settings, not parameters. It is part of the flow, and so of the likelihood.
type Bounded struct {
	directions
	both, one, free []int32        // columns by kind
	low, width      *tensor.Tensor // of both: [columns]
	edge, sign      *tensor.Tensor // of one: the bound, and 1 for Low or −1 for High
	parts, back     *tensor.Tensor // indices [D]: columns by kind, and the inverse permutation
}

// squeeze keeps the logit away from the edges.
const squeeze = 1e-6

// NewBounded returns the map for columns with these domains. The error is a [*fault.FieldError].
func NewBounded(d *tensor.Device, intervals []Interval) (*Bounded, error) {
	b := &Bounded{}
	var low, width, edge, sign []float32
	for j, in := range intervals {
		above, below := !math.IsInf(in.Low, 0), !math.IsInf(in.High, 0)
		switch {
		case !(in.Low < in.High):
			return nil, fault.Field("Intervals", in, "must have a lower bound below the upper one in column %d", j)
		case above && below:
			b.both = append(b.both, int32(j))
			low, width = append(low, float32(in.Low)), append(width, float32(in.High-in.Low))
		case above:
			b.one, edge, sign = append(b.one, int32(j)), append(edge, float32(in.Low)), append(sign, 1)
		case below:
			b.one, edge, sign = append(b.one, int32(j)), append(edge, float32(in.High)), append(sign, -1)
		default:
			b.free = append(b.free, int32(j))
		}
	}
	keep := func(v []float32) *tensor.Tensor { return d.From(v, len(v)).Keep() }
	b.low, b.width, b.edge, b.sign = keep(low), keep(width), keep(edge), keep(sign)
	order := slices.Concat(b.both, b.one, b.free)
	b.parts, b.back = d.Ints(order).Keep(), d.Ints(invert(order)).Keep()
	b.directions = directions{b}
	return b, nil
}

// accumulate implements accumulator.
func (b *Bounded) accumulate(x, _ *tensor.Tensor, l logDets, inverse bool) (*tensor.Tensor, logDets) {
	sorted := x.Gather(1, b.parts) // both, one, free
	var parts []*tensor.Tensor
	from := 0
	add := func(count int, apply func(x *tensor.Tensor) (y, logSlope *tensor.Tensor)) {
		if count == 0 {
			return
		}
		y, logSlope := apply(sorted.Slice(1, from, from+count))
		from += count
		parts = append(parts, y)
		if logSlope != nil {
			l.rows = plus(l.rows, logSlope.Sum(1))
		}
	}
	add(len(b.both), func(x *tensor.Tensor) (y, logSlope *tensor.Tensor) { return b.logit(x, inverse) })
	add(len(b.one), func(x *tensor.Tensor) (y, logSlope *tensor.Tensor) { return b.inverseSoftplus(x, inverse) })
	add(len(b.free), func(x *tensor.Tensor) (y, logSlope *tensor.Tensor) { return x, nil })
	return tensor.Concat(1, parts...).Gather(1, b.back), l
}

// logit maps columns with two bounds. The logarithm of the slope of the logit is −log u − log(1−u) = softplus(z) + softplus(−z).
func (b *Bounded) logit(x *tensor.Tensor, inverse bool) (y, logSlope *tensor.Tensor) {
	scale := b.width.Scale(1 / (1 - 2*squeeze)).Log() // log of dx/du
	if inverse {
		u := x.Sigmoid()
		logSlope = x.Softplus().Add(x.Neg().Softplus()).Neg().Add(scale)
		return u.AddScalar(-squeeze).Scale(1 / (1 - 2*squeeze)).Mul(b.width).Add(b.low), logSlope
	}
	u := x.Sub(b.low).Div(b.width).Scale(1 - 2*squeeze).AddScalar(squeeze).ClampMin(squeeze).ClampMax(1 - squeeze)
	z := u.Log().Sub(u.Neg().AddScalar(1).Log())
	return z, z.Softplus().Add(z.Neg().Softplus()).Sub(scale)
}

// inverseSoftplus maps columns with one bound. log(eᵗ − 1) = t + log(1 − e⁻ᵗ), whose slope is 1/(1 − e⁻ᵗ).
func (b *Bounded) inverseSoftplus(x *tensor.Tensor, inverse bool) (y, logSlope *tensor.Tensor) {
	if inverse {
		z := x.Mul(b.sign)
		return z.Softplus().Mul(b.sign).Add(b.edge), z.Neg().Softplus().Neg() // the slope is σ(z)
	}
	t := x.Sub(b.edge).Mul(b.sign).ClampMin(squeeze)
	log := t.Neg().Exp().Neg().AddScalar(1).Log() // log(1 − e⁻ᵗ)
	return t.Add(log).Mul(b.sign), log.Neg()
}

// Visit implements [nn.Module].
func (b *Bounded) Visit(string, func(nn.Param)) {}

// SetTraining implements [nn.Module].
func (b *Bounded) SetTraining(bool) {}

// String implements [fmt.Stringer].
func (b *Bounded) String() string {
	return fmt.Sprintf("Bounded(%d columns with two bounds, %d with one, %d with none)", len(b.both), len(b.one), len(b.free))
}
