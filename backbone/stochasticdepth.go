package backbone

import (
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/tensor"
)

// stochasticDepth skips the residual branches of random pictures in training.
type stochasticDepth struct {
	supported bool // by the network
	training  bool
	rate      float64
	g         *tensor.Generator
}

// SetStochasticDepth makes training skip each residual branch of each picture at random (Huang et al., 2016), which EfficientNets call
// drop connect. The probability grows linearly from 0 for the first block to rate after the last one; the branches that are kept are
// divided by the probability of keeping them. g draws which are skipped. torchvision's EfficientNets have a rate of 0.2. A rate of 0
// is off, which is the default. Only EfficientNet B0 to B7 support it. The error is a [*fault.FieldError].
func (b *Backbone) SetStochasticDepth(rate float64, g *tensor.Generator) error {
	switch {
	case !b.depth.supported && rate != 0:
		return fault.Field("StochasticDepth", rate, "must be 0 for %s, which doesn't support it", b.of.title)
	case !(rate >= 0 && rate < 1):
		return fault.Field("StochasticDepth", rate, "must be 0 or more and below 1")
	case rate > 0 && g == nil:
		return fault.Field("StochasticDepth", rate, "needs a Generator that draws which pictures skip a branch")
	}
	b.depth.rate, b.depth.g = rate, g
	return nil
}

// apply returns the branch y [N, H, W, C] of a block with the given placement, with some pictures set to 0 in training.
func (s *stochasticDepth) apply(y *tensor.Tensor, placement float64) *tensor.Tensor {
	if s == nil || !s.training || s.rate*placement == 0 {
		return y
	}
	keep := y.Device().Full(1, y.Dim(0), 1, 1, 1).Dropout(s.rate*placement, s.g) // [N, 1, 1, 1]: 0, or 1/(1−p)
	return y.Mul(keep)
}
