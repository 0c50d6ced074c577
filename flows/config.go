package flows

import (
	"cmp"
	"errors"
	"slices"
	"strconv"

	"github.com/bestiary-ml/bestiary/fault"
)

// Order says how a RealNVP reorders the columns after each coupling, so that all columns get transformed.
type Order string

// Orders.
const (
	RandomOrder  Order = "random"  // a random permutation, drawn once
	ReverseOrder Order = "reverse" // last column first
	FlipMasks    Order = "none"    // no reordering; every second coupling has its mask flipped
)

// Norm says how a RealNVP normalizes after each coupling.
type Norm string

// Norms.
const (
	BatchNormalization Norm = "batch" // BatchNorm
	ActNormalization   Norm = "act"   // ActNorm
	NoNormalization    Norm = "none"
)

// Architectures of a [ClassFlow]; "" is RealNVPFlow.
const (
	RealNVPFlow     = "realnvp" // affine couplings (Dinh et al., 2017)
	SplineFlow      = "nsf"     // couplings of rational-quadratic splines (Durkan et al., 2019)
	MaskedFlow      = "maf"     // masked autoregressive affine maps (Papamakarios et al., 2017)
	TransformerFlow = "tarflow" // transformers over pieces of the vector (Zhai et al., 2024)
)

// ClassArchitectures lists the architectures of a [ClassFlow].
func ClassArchitectures() []string {
	return []string{RealNVPFlow, SplineFlow, MaskedFlow, TransformerFlow}
}

// Config describes a [ClassFlow]. The zero value is not valid; start from [DefaultConfig] or [DefaultClassConfig].
type Config struct {
	// Architecture is one of ClassArchitectures; "" is RealNVPFlow. RepeatHidden, SingleNetwork, BoundedScale, Mask, Permutation and
	// Norm are for RealNVPFlow only and must be zero otherwise.
	Architecture string `json:"architecture,omitempty"`

	Dim     int `json:"dim"`     // numbers per row
	Classes int `json:"classes"` // columns of the condition, a one-hot class label; 0 for an unconditional flow
	Layers  int `json:"layers"`  // couplings, autoregressive layers, or blocks of transformers
	// Hidden are the widths of the hidden layers of the networks; of TransformerFlow, the one width of the transformers.
	Hidden []int `json:"hidden"`
	// RepeatHidden repeats the first hidden layer, as the reference does: [256, 256] makes three layers.
	RepeatHidden  bool  `json:"repeat_hidden"`
	SingleNetwork bool  `json:"single_network"` // one network for log-scale and shift
	BoundedScale  bool  `json:"bounded_scale"`  // tanh on the log-scale
	Mask          Mask  `json:"mask"`
	Permutation   Order `json:"permutation"`
	Norm          Norm  `json:"norm"`
	Standardize   bool  `json:"standardize"` // begin with Standardize, see RealNVP.Fit
	// Noise is the standard deviation of Gaussian noise that training adds to the rows, in units of each column's standard
	// deviation. It keeps a flow with more parameters than data from concentrating its density on the training rows. The
	// training loop adds it, not the flow.
	Noise float64 `json:"noise"`
}

// DefaultConfig returns the flow of the reference: 12 couplings with three hidden layers of 256 ([256, 256], the first
// repeated), each followed by a random permutation and batch norm. The mask is Half: after a random permutation it is
// equivalent to Odds, and it needs no interleaving of columns.
func DefaultConfig(dim, classes int) Config {
	return Config{
		Dim: dim, Classes: classes, Layers: 12, Hidden: []int{256, 256}, RepeatHidden: true,
		SingleNetwork: true, BoundedScale: true, Mask: Half, Permutation: RandomOrder, Norm: BatchNormalization,
		Standardize: true,
	}
}

// DefaultClassConfig returns the default flow of an architecture; of RealNVPFlow it is DefaultConfig.
func DefaultClassConfig(architecture string, dim, classes int) Config {
	c := Config{Architecture: architecture, Dim: dim, Classes: classes, Standardize: true}
	switch architecture {
	case SplineFlow:
		c.Layers, c.Hidden = 6, []int{128, 128}
	case MaskedFlow:
		c.Layers, c.Hidden = 5, []int{256, 256}
	case TransformerFlow:
		c.Layers, c.Hidden = 4, []int{128}
	default:
		return DefaultConfig(dim, classes)
	}
	return c
}

// architecture is Architecture with its default.
func (c Config) architecture() string { return cmp.Or(c.Architecture, RealNVPFlow) }

// Batched reports whether a training needs two rows or more in a batch: a single one has no variance to normalize by.
func (c Config) Batched() bool {
	return c.Norm == BatchNormalization || c.Norm == ActNormalization || c.Architecture == MaskedFlow
}

// Limits on sizes that come from a file, so that a damaged file can't exhaust memory.
const (
	maxSize       = 1 << 16
	maxParameters = 500_000_000 // 2 GB of weights
)

// Validate returns a [*fault.FieldError] for a value that is not allowed.
func (c Config) Validate() error {
	switch {
	case c.Dim < 2 || c.Dim > maxSize:
		return fault.Field("Dim", c.Dim, "must be 2 to %d, since a coupling splits its columns in two", maxSize)
	case c.Classes < 0 || c.Classes > maxSize:
		return fault.Field("Classes", c.Classes, "must be 0 (an unconditional flow) to %d", maxSize)
	case !slices.Contains(ClassArchitectures(), c.architecture()):
		return fault.Field("Architecture", strconv.Quote(c.Architecture), "must be one of %q", ClassArchitectures())
	case c.Layers < 1 || c.Layers > maxSize:
		return fault.Field("Layers", c.Layers, "must be 1 to %d couplings, autoregressive layers or blocks", maxSize)
	case c.RepeatHidden && len(c.Hidden) == 0:
		return fault.Field("RepeatHidden", c.RepeatHidden, "must be false without hidden layers; there is none to repeat in Hidden")
	case !(c.Noise >= 0 && c.Noise <= 10):
		return fault.Field("Noise", c.Noise, "must be 0 to 10 standard deviations")
	}
	for _, size := range c.Hidden {
		if size < 1 || size > maxSize {
			return fault.Field("Hidden", c.Hidden, "must be widths of 1 to %d", maxSize)
		}
	}
	if c.architecture() != RealNVPFlow {
		return c.validateOther()
	}
	if n := c.products(); n > maxParameters {
		return fault.Field("Layers", c.Layers, "must be lower: with Hidden %v and Dim %d they have %d million parameters, and %d million are possible",
			c.Hidden, c.Dim, int(n/1e6), maxParameters/1_000_000)
	}
	for _, choice := range []struct {
		field, value string
		known        []string
	}{
		{"Mask", string(c.Mask), []string{string(Half), string(Odds)}},
		{"Permutation", string(c.Permutation), []string{string(RandomOrder), string(ReverseOrder), string(FlipMasks)}},
		{"Norm", string(c.Norm), []string{string(BatchNormalization), string(ActNormalization), string(NoNormalization)}},
	} {
		if !slices.Contains(choice.known, choice.value) {
			return fault.Field(choice.field, strconv.Quote(choice.value), "must be one of %q", choice.known)
		}
	}
	return nil
}

// validateOther validates architectures other than RealNVP beyond what all have in common.
func (c Config) validateOther() error {
	for _, own := range []struct {
		field string
		set   bool
	}{
		{"RepeatHidden", c.RepeatHidden}, {"SingleNetwork", c.SingleNetwork}, {"BoundedScale", c.BoundedScale},
		{"Mask", c.Mask != ""}, {"Permutation", c.Permutation != ""}, {"Norm", c.Norm != ""},
	} {
		if own.set {
			return fault.Field(own.field, own.set, "must be left out: it is for the Architecture %s, not %s", RealNVPFlow, c.Architecture)
		}
	}
	if c.Architecture != TransformerFlow {
		return c.spec().Validate()
	}
	if len(c.Hidden) != 1 {
		return fault.Field("Hidden", c.Hidden, "must be one width for the Architecture %s, that of its transformers", TransformerFlow)
	}
	err := c.transformer().Validate()
	if wrong, ok := errors.AsType[*fault.FieldError](err); ok { // in the words of this configuration
		switch wrong.Field {
		case "Dim", "HeadDim":
			return fault.Field("Hidden", c.Hidden, "must be a positive multiple of %d, or less than that; at most 500 million parameters are possible", transformerHead)
		case "Blocks":
			return fault.Field("Layers", c.Layers, "must be 1 to 64 blocks for the Architecture %s", TransformerFlow)
		}
	}
	return err
}

// products estimates the number of parameters of the linear layers, as if the mask split the columns evenly. It is a float64
// because sizes from a file can overflow an int.
func (c Config) products() float64 {
	n, half := 0.0, float64(c.Dim)/2
	width := half + float64(c.Classes)
	for _, hidden := range c.coupling().Hidden {
		n += width * float64(hidden)
		width = float64(hidden)
	}
	n += width * 2 * half
	if !c.SingleNetwork {
		n *= 2
	}
	return n * float64(c.Layers)
}

// coupling describes the networks of the couplings.
func (c Config) coupling() CouplingConfig {
	hidden := c.Hidden
	if c.RepeatHidden {
		hidden = append([]int{hidden[0]}, hidden...)
	}
	return CouplingConfig{Hidden: hidden, Condition: c.Classes, SingleNetwork: c.SingleNetwork, Bounded: c.BoundedScale}
}
