package flows

import (
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

// Config describes a [RealNVP]. The zero value is not valid; start from [DefaultConfig].
type Config struct {
	Dim     int   `json:"dim"`     // numbers per row
	Classes int   `json:"classes"` // columns of the condition, a one-hot class label; 0 for an unconditional flow
	Layers  int   `json:"layers"`  // couplings
	Hidden  []int `json:"hidden"`  // widths of the hidden layers of the couplings' networks
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
	case c.Layers < 1 || c.Layers > maxSize:
		return fault.Field("Layers", c.Layers, "must be 1 to %d couplings", maxSize)
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
