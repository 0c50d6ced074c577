package flows

import (
	"fmt"
	"slices"
)

// Order says what a RealNVP does to the columns after each coupling, so that all of them get changed.
type Order string

const (
	RandomOrder  Order = "random"  // a random permutation, drawn once
	ReverseOrder Order = "reverse" // last column first
	FlipMasks    Order = "none"    // nothing; instead, every second coupling has its mask flipped
)

// Norm says how a RealNVP normalises after each coupling.
type Norm string

const (
	BatchNormalization Norm = "batch" // BatchNorm
	ActNormalization   Norm = "act"   // ActNorm
	NoNormalization    Norm = "none"
)

// Config describes a [RealNVP]. The zero value is not valid; start from [DefaultConfig].
type Config struct {
	Dim     int   `json:"dim"`     // numbers a row
	Classes int   `json:"classes"` // columns of the condition, a one-hot class label; 0 for an unconditional flow
	Layers  int   `json:"layers"`  // couplings
	Hidden  []int `json:"hidden"`  // sizes of the hidden layers of the couplings' networks
	// RepeatHidden has the first hidden layer twice, as the notebook's networks do: [256, 256] then makes three.
	RepeatHidden  bool  `json:"repeat_hidden"`
	SingleNetwork bool  `json:"single_network"` // one network for scale and shift
	BoundedScale  bool  `json:"bounded_scale"`  // tanh on the log-scale
	Mask          Mask  `json:"mask"`
	Permutation   Order `json:"permutation"`
	Norm          Norm  `json:"norm"`
	Standardize   bool  `json:"standardize"` // begin with Standardize, see RealNVP.Fit
	// Noise is the standard deviation of Gaussian noise on the rows in training, in units of each column's own. It keeps
	// a flow with more parameters than data from piling its density on the training rows. Who trains the flow adds it.
	Noise float64 `json:"noise"`
}

// DefaultConfig is the flow of the reference, the notebook's: 12 couplings of three hidden layers of 256 (its [256, 256],
// the first twice), each followed by a random permutation and batch norm. The mask is Half, which after a random
// permutation is as good as Odds and can be cut and joined without interleaving columns.
func DefaultConfig(dim, classes int) Config {
	return Config{
		Dim: dim, Classes: classes, Layers: 12, Hidden: []int{256, 256}, RepeatHidden: true,
		SingleNetwork: true, BoundedScale: true, Mask: Half, Permutation: RandomOrder, Norm: BatchNormalization,
		Standardize: true,
	}
}

// maxSize bounds sizes that come from a file, so that a damaged one can't ask for all the memory there is.
const (
	maxSize       = 1 << 16
	maxParameters = 500_000_000 // 2 GB of weights
)

// Validate tells in one sentence what is wrong with c, naming the field by its name in JSON.
func (c Config) Validate() error {
	if c.Dim < 2 || c.Dim > maxSize {
		return fmt.Errorf("flow configuration: dim is %d, but a coupling splits its columns in two; set it to 2 … %d", c.Dim, maxSize)
	}
	if c.Classes < 0 || c.Classes > maxSize {
		return fmt.Errorf("flow configuration: classes is %d; set it to 0 for an unconditional flow, or up to %d", c.Classes, maxSize)
	}
	if c.Layers < 1 || c.Layers > maxSize {
		return fmt.Errorf("flow configuration: layers is %d; set it to 1 … %d couplings", c.Layers, maxSize)
	}
	for _, size := range c.Hidden {
		if size < 1 || size > maxSize {
			return fmt.Errorf("flow configuration: hidden has a layer of %d; set each to 1 … %d", size, maxSize)
		}
	}
	if c.RepeatHidden && len(c.Hidden) == 0 {
		return fmt.Errorf("flow configuration: repeat_hidden has no layer to repeat; give hidden layers or set it to false")
	}
	if n := c.products(); n > maxParameters {
		return fmt.Errorf("flow configuration: layers %d of hidden %v over dim %d are %d million parameters, more than the %d million that are possible; choose smaller ones",
			c.Layers, c.Hidden, c.Dim, int(n/1e6), maxParameters/1_000_000)
	}
	if !(c.Noise >= 0 && c.Noise <= 10) {
		return fmt.Errorf("flow configuration: noise is %v; set it to 0 … 10 standard deviations", c.Noise)
	}
	for _, choice := range []struct {
		field, value string
		known        []string
	}{
		{"mask", string(c.Mask), []string{string(Half), string(Odds)}},
		{"permutation", string(c.Permutation), []string{string(RandomOrder), string(ReverseOrder), string(FlipMasks)}},
		{"norm", string(c.Norm), []string{string(BatchNormalization), string(ActNormalization), string(NoNormalization)}},
	} {
		if !slices.Contains(choice.known, choice.value) {
			return fmt.Errorf("flow configuration: %s is %q; set it to one of %q", choice.field, choice.value, choice.known)
		}
	}
	return nil
}

// products is the number of parameters of the linear layers, about: as if the mask split the columns evenly. It is a
// float64 because sizes from a file can overflow an int.
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
