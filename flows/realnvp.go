package flows

import (
	"fmt"
	"iter"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/require"
	"github.com/bestiary-ml/bestiary/tensor"
)

// RealNVP is a flow of affine couplings, with permutations and normalization between them (Dinh et al., 2017), given a class as
// a one-hot condition [N, Classes] (see [OneHot]).
type RealNVP struct {
	*Flow
	Config      Config
	standardize *Standardize // nil if the configuration has none
}

// NewRealNVP builds the flow that cfg describes, in training mode; parameters and permutations are drawn from g. Its layers are
// named flows.0, flows.1 … as in the reference: each coupling, then its permutation and its normalization. The error is a
// [*fault.FieldError].
func NewRealNVP(d *tensor.Device, cfg Config, g *tensor.Generator) (*RealNVP, error) {
	if err := require.Builder(d, g); err != nil {
		return nil, err
	}
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	f := &RealNVP{Flow: NewFlow(d, cfg.Dim, cfg.Classes), Config: cfg}
	if cfg.Standardize {
		f.standardize = NewStandardize(d, cfg.Dim)
		f.Add("standardize", f.standardize)
	}
	count := 0
	add := func(b Bijection) {
		f.Add(fmt.Sprintf("flows.%d", count), b)
		count++
	}
	for i := range cfg.Layers {
		flipped := cfg.Permutation == FlipMasks && i%2 == 1
		add(NewAffineCoupling(d, cfg.Dim, cfg.Mask.Passive(cfg.Dim, flipped), cfg.coupling(), g))
		switch cfg.Permutation {
		case RandomOrder:
			add(NewRandomPermutation(d, cfg.Dim, g))
		case ReverseOrder:
			add(NewReversal(d, cfg.Dim))
		}
		switch cfg.Norm {
		case BatchNormalization:
			add(NewBatchNorm(d, cfg.Dim))
		case ActNormalization:
			add(NewActNorm(d, cfg.Dim))
		}
	}
	return f, nil
}

// Fit computes the statistics of the flow's first layer from the rows of the training data; see [Standardize.Fit]. Without
// Config.Standardize, the error is a [*fault.FieldError].
func (f *RealNVP) Fit(rows iter.Seq[[]float32]) error {
	if f.standardize == nil {
		return fault.Field("Standardize", false, "must be true to fit the flow to data")
	}
	if rows == nil {
		return fault.Field("Rows", nil, "must not be nil; give the rows to fit the flow to")
	}
	return f.standardize.Fit(rows)
}
