package flows

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/tensor"
)

// RealNVP is a [ClassFlow] of affine couplings, with permutations and normalization between them (Dinh et al., 2017).
type RealNVP = ClassFlow

// NewRealNVP builds the RealNVP that cfg describes, in training mode; parameters and permutations are drawn from g. Its layers are
// named flows.0, flows.1 … as in the reference: each coupling, then its permutation and its normalization. The error is a
// [*fault.FieldError].
func NewRealNVP(d *tensor.Device, cfg Config, g *tensor.Generator) (*RealNVP, error) {
	if cfg.architecture() != RealNVPFlow {
		return nil, fault.Field("Architecture", fmt.Sprintf("%q", cfg.Architecture), "must be %q; NewClassFlow builds the others", RealNVPFlow)
	}
	return NewClassFlow(d, cfg, g)
}

// realNVP appends the layers of a RealNVP.
func (c Config) realNVP(d *tensor.Device, g *tensor.Generator, add func(b Bijection)) {
	for i := range c.Layers {
		flipped := c.Permutation == FlipMasks && i%2 == 1
		add(NewAffineCoupling(d, c.Dim, c.Mask.Passive(c.Dim, flipped), c.coupling(), g))
		switch c.Permutation {
		case RandomOrder:
			add(NewRandomPermutation(d, c.Dim, g))
		case ReverseOrder:
			add(NewReversal(d, c.Dim))
		}
		switch c.Norm {
		case BatchNormalization:
			add(NewBatchNorm(d, c.Dim))
		case ActNormalization:
			add(NewActNorm(d, c.Dim))
		}
	}
}
