package tarflow

import (
	"math"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/nn/transformer"
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

// Inverse maps noise z [N, T, D] to latent maps [N, h, w, c]. The result belongs to the current step of the device. It
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
		x = b.order(x)
		v := inversion{block: b, cond: cond, without: without, guidance: o.Guidance}
		solved := false
		if i > 0 && o.Tolerance > 0 {
			var residual float64
			var y *tensor.Tensor
			if y, r.Iterations[i], residual = v.iterate(x, o.Tolerance, o.MaxIterations); residual <= o.Tolerance {
				x, solved, r.Residual = y, true, max(r.Residual, residual)
			} else {
				r.FellBack++
				r.Iterations[i] = 0
			}
		}
		if !solved {
			x = v.sequential(x)
		}
		x = b.order(x)
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

// iterate inverts z [N, T, D] by fixed-point iteration. residual is the largest change of the last iteration; it is above
// the tolerance if the iteration has not converged.
func (v *inversion) iterate(z *tensor.Tensor, tolerance float64, most int) (x *tensor.Tensor, iterations int, residual float64) {
	copies, fixed := v.conditions(z)
	device := z.Device()
	x = engine.Empty(device, z.Shape()...)
	all := kernel.Contiguous(z.Len())
	engine.Kernels(device).Copy(all, engine.Data(x), engine.Data(z))
	residual = math.Inf(1)
	for iterations < most && !(residual <= tolerance) {
		func() {
			step := device.Scratch()
			defer step.End()
			shift, logScale := v.guided(v.raw(repeat(x, copies), fixed))
			next := z.Mul(logScale.Exp()).Add(shift) // [N, T, D]
			residual = next.Sub(x).Abs().Reshape(-1).MaxOver(0).Item()
			engine.Kernels(device).Copy(all, engine.Data(x), engine.Data(next))
		}()
		iterations++
	}
	return x, iterations, residual
}

// sequential inverts z [N, T, D] token by token with a KV cache.
func (v *inversion) sequential(z *tensor.Tensor) *tensor.Tensor {
	n, tokens, dim := z.Dim(0), z.Dim(1), z.Dim(2)
	copies, fixed := v.conditions(z)
	device := z.Device()
	if fixed.Rank() == 2 {
		fixed = fixed.Reshape(1, fixed.Dim(0), fixed.Dim(1)).Expand(n, fixed.Dim(0), fixed.Dim(1))
	}
	fixed = fixed.Permute(1, 0, 2)            // [inputs, copies·N, Dim]
	z = z.Permute(1, 0, 2)                    // [T, N, D]
	x := engine.Empty(device, tokens, n, dim) // [T, N, D]
	cache := v.net.NewCache(copies * n)       //
	first := 0
	if v.start == nil { // the first token passes unchanged
		token(x, 0, engine.Entries(z, 0, 1))
		first = 1
	}
	next := func(t int) {
		step := device.Scratch()
		defer step.End()
		var h *tensor.Tensor // [copies·N, Dim]
		if t == 0 {
			h = v.start.Expand(copies*n, v.config.Dim)
		} else {
			h = v.in.Forward(repeat(engine.Entries(x, t-1, t).Reshape(n, dim), copies))
		}
		h = h.Add(engine.Entries(fixed, t-first, t-first+1).Reshape(copies*n, -1))
		h = v.net.Forward(h.Reshape(copies*n, 1, -1), nil, cache) // [copies·N, 1, Dim]
		raw := transformer.Projection{
			Weight: v.out.Weight, Bias: v.out.Bias, Gamma: v.norm.Weight, Beta: v.norm.Bias, Eps: v.norm.Eps,
		}.Apply(h) // [copies·N, 1, 2·D]
		shift, logScale := v.guided(raw)
		zt := engine.Entries(z, t, t+1).Reshape(n, 1, dim)
		token(x, t, zt.Mul(logScale.Exp()).Add(shift))
	}
	for t := first; t < tokens; t++ {
		next(t)
	}
	return x.Permute(1, 0, 2)
}

// token overwrites token t of x [T, N, D] with v, of N·D elements. No gradient flows.
func token(x *tensor.Tensor, t int, v *tensor.Tensor) {
	n := v.Len()
	engine.Kernels(x.Device()).Copy(kernel.Contiguous(n), engine.Data(x).Slice(t*n, n), engine.Data(v))
}

// repeat returns x [N, …] copies times, one after the other.
func repeat(x *tensor.Tensor, copies int) *tensor.Tensor {
	if copies == 1 {
		return x
	}
	return tensor.Concat(0, x, x)
}
