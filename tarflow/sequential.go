package tarflow

import (
	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/nn/transformer"
	"github.com/bestiary-ml/bestiary/tensor"
)

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
	cache := v.net.NewCache(copies * n)
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
