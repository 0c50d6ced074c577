package tarflow

import (
	"math"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Inversion says how [Flow.Inverse] computes. The zero value inverts one token after the other, without guidance.
type Inversion struct {
	// Guidance is the scale G of classifier-free guidance; 1 and 0 are off. In every block, shift and log-scale (before its
	// bound) become u + G·(c − u), where c and u are computed with and without the class (Zhai et al., 2024). The result is
	// no longer distributed as the model.
	Guidance float64

	// Tolerance, if above 0, inverts the shallow blocks, all but the first in the direction of sampling, by fixed-point
	// iteration over all tokens together (Jacobi; Song et al., 2021):
	//
	//	x ← z·exp(s(x)) + μ(x)
	//
	// Since a token depends on earlier ones only, T iterations give the exact inverse; usually a few suffice. A block stops
	// when no number changes by more than Tolerance, in standard deviations of the latents. That change is exp(s) times the
	// error of Forward at the last point, |Forward(x) − z|. A block that needs more than MaxIterations is inverted token by
	// token.
	Tolerance     float64
	MaxIterations int // 0 is a quarter of the tokens
}

// Inverted reports how [Flow.Inverse] went.
type Inverted struct {
	Iterations []int   // of each block in the direction of sampling; 0 for token by token
	Residual   float64 // largest last change of a fixed-point iteration, at most Tolerance; 0 without one
	FellBack   int     // blocks that didn't converge and were inverted token by token
}

// Validate returns a [*fault.FieldError] for a value that is not allowed.
func (o Inversion) Validate() error {
	switch {
	case !(o.Guidance >= 0 && o.Guidance <= 100):
		return fault.Field("Guidance", o.Guidance, "must be from 0 to 100; 1 is off")
	case !(o.Tolerance >= 0) || math.IsInf(o.Tolerance, 1):
		return fault.Field("Tolerance", o.Tolerance, "must be a number of 0 (one token after the other) or more")
	case o.MaxIterations < 0:
		return fault.Field("MaxIterations", o.MaxIterations, "must be 0 or more")
	}
	return nil
}

// Inverse maps noise z [N, T, D] to latent maps [N, h, w, c]. It is exact up to the precision of matrix products: measured
// with the default sizes, the largest error is 10⁻⁵ standard deviations of the latents at "highest", and 10⁻² where products
// round to bfloat16. The result belongs to the current step of the device. It
// panics on other shapes and on options that Validate refuses. Dropout must be off, see [Flow.SetTraining].
func (f *Flow) Inverse(z, cond *tensor.Tensor, o Inversion) (*tensor.Tensor, Inverted) {
	c := f.config
	if z.Rank() != 3 || z.Dim(1) != c.Tokens() || z.Dim(2) != c.TokenDim() {
		panic("tarflow: noise " + z.String() + " has not the shape of the flow's tokens")
	}
	f.checkCondition(z.Dim(0), cond)
	if err := o.Validate(); err != nil {
		panic("tarflow: " + err.Error())
	}
	if c.Classes == 0 || o.Guidance == 0 {
		o.Guidance = 1
	}
	if o.MaxIterations == 0 {
		o.MaxIterations = max(1, c.Tokens()/4)
	}
	var without *tensor.Tensor // the condition for guidance
	if o.Guidance != 1 {
		without = f.Unconditional(z.Dim(0))
	}
	r := Inverted{Iterations: make([]int, len(f.blocks))}
	x := z
	if f.logStd != nil {
		x = x.Mul(c.bound(f.logStd).Exp())
	}
	for i, b := range f.blocks {
		v := inversion{block: b, cond: cond, without: without, guidance: o.Guidance}
		if i == 0 || o.Tolerance == 0 {
			x = b.order(v.sequential(b.order(x)))
			continue
		}
		x = b.order(v.fixedPoint(b.order(x), o, &r, i))
	}
	return f.latents(x), r
}

// inversion inverts a block.
type inversion struct {
	*block
	cond, without *tensor.Tensor // [N, Classes]; without is nil unless there is guidance
	guidance      float64
}

// conditions returns the number of rows for each row of x, 2 with guidance, and the fixed part of their inputs.
func (v *inversion) conditions(x *tensor.Tensor) (copies int, fixed *tensor.Tensor) {
	if v.without == nil {
		return 1, v.fixed(x, v.cond)
	}
	both := tensor.Concat(0, v.cond, v.without) // [2N, Classes]
	return 2, v.fixed(tensor.Concat(0, x, x), both)
}

// guided returns shift and log-scale [N, n, D] for what the transformer computes, [N, n, 2·D] or, with guidance, [2N, n, 2·D].
func (v *inversion) guided(raw *tensor.Tensor) (shift, logScale *tensor.Tensor) {
	if v.without != nil {
		n := raw.Dim(0) / 2
		with, without := raw.Slice(0, 0, n), raw.Slice(0, n, 2*n)
		raw = without.Add(with.Sub(without).Scale(v.guidance))
	}
	shift, logScale = v.split(raw)
	return shift, v.config.bound(logScale)
}

// repeat returns x [N, …] copies times, one after the other.
func repeat(x *tensor.Tensor, copies int) *tensor.Tensor {
	if copies == 1 {
		return x
	}
	return tensor.Concat(0, x, x)
}
