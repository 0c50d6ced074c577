package tensor

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// GroupNormOptions are the options of [Tensor.GroupNorm].
type GroupNormOptions struct {
	Groups int     // number of groups of neighbouring channels; divides the number of channels
	Eps    float64 // added to the variance
	SiLU   bool    // apply y·sigmoid(y) in the same pass
}

// GroupNorm normalizes each group of neighbouring channels of each picture of t [N, H, W, C] over its channels and pixels (Wu & He,
// 2018):
//
//	y = (t − mean)/√(variance + eps)·gamma + beta
//
// With SiLU the result is y·sigmoid(y), as in the blocks of diffusion models and VQGAN. gamma and beta [C] may be nil.
func (t *Tensor) GroupNorm(gamma, beta *Tensor, o GroupNormOptions) *Tensor {
	if t.rank != 4 || o.Groups < 1 || t.dims[3]%o.Groups != 0 {
		panic(fmt.Sprintf("tensor: GroupNorm of %v in %d groups", t, o.Groups))
	}
	n, pixels, channels := t.dims[0], t.dims[1]*t.dims[2], t.dims[3]
	for _, p := range []*Tensor{gamma, beta} {
		if p != nil && p.Len() != channels {
			panic(fmt.Sprintf("tensor: GroupNorm of %v with %v", t, p))
		}
	}
	d := t.device
	g := kernel.GroupNorm{Pictures: n, Pixels: pixels, Channels: channels, Groups: o.Groups, Eps: o.Eps, SiLU: o.SiLU}
	y, mean, rstd := d.empty(t.Shape()...), d.empty(n, o.Groups), d.empty(n, o.Groups)
	d.kernels.GroupNorm(g, t.data, gamma.optional(), beta.optional(), y.data, mean.data, rstd.data)
	if d.recording(t, gamma, beta) {
		d.record(func() {
			gx, ggamma, gbeta := d.gradFor(t), d.gradFor(gamma), d.gradFor(beta)
			d.kernels.GroupNormGrad(g, t.data, gamma.optional(), beta.optional(), mean.data, rstd.data, y.grad, gx, ggamma, gbeta)
			d.settleGrad(t, gx)
			d.settleGrad(gamma, ggamma)
			d.settleGrad(beta, gbeta)
		}, y)
	}
	return y
}
