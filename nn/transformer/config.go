package transformer

import (
	"fmt"
	"math"
	"slices"
)

// Config gives the sizes of a transformer and chooses among its variants.
type Config struct {
	Dim     int `json:"dim"`
	Depth   int `json:"depth"` // layers, an attention and a feed-forward branch each
	Heads   int `json:"heads"`
	DimHead int `json:"dim_head"`
	FFMult  int `json:"ff_mult"` // width of the feed-forward branches, in multiples of Dim

	// Attention has the pattern of each layer, repeated as often as it takes; empty means full attention.
	Attention    []Pattern `json:"attention"`
	ConvKernel   int       `json:"conv_kernel"`   // of ConvLike: side of the window
	ConvDilation int       `json:"conv_dilation"` // of ConvLike: distance of the cells that the window looks at

	AttnDropout float64 `json:"attn_dropout"`
	FFDropout   float64 `json:"ff_dropout"`

	Reversible   bool `json:"reversible"`    // layers whose inputs are recomputed from their outputs
	KeepMB       int  `json:"keep_mb"`       // of Reversible: activations of the last layers are kept, and not recomputed, as long as they fit
	Checkpoint   bool `json:"checkpoint"`    // layers that keep their inputs only and are recomputed; not with Reversible
	SandwichNorm bool `json:"sandwich_norm"` // a norm after each branch, too
	ShiftTokens  bool `json:"shift_tokens"`  // see shift
	Rotary       bool `json:"rotary"`        // see Angles

	// SharedAttn and SharedFF have a number for each layer: layers with equal ones share the weights of their branch,
	// but for norms and scale. Empty: no layer shares.
	SharedAttn []int `json:"shared_attn,omitempty"`
	SharedFF   []int `json:"shared_ff,omitempty"`

	// Geometry and Causal belong to the model that the transformer is part of, which sets them.
	Geometry Geometry `json:"-"`
	Causal   bool     `json:"-"` // a position sees none behind it
}

// Limits on what a mistake or a damaged file can ask for.
const (
	maxDim       = 1 << 14
	maxDepth     = 512
	maxPositions = 1 << 14
)

// Validate tells in one sentence what is impossible about c. It begins with the name of the flag that sets it.
func (c Config) Validate() error {
	for _, size := range []struct {
		name       string
		value, max int
	}{
		{"dim", c.Dim, maxDim}, {"depth", c.Depth, maxDepth}, {"heads", c.Heads, maxDim},
		{"dim-head", c.DimHead, maxDim}, {"ff-mult", c.FFMult, 64},
	} {
		if size.value < 1 || size.value > size.max {
			return fmt.Errorf("%s %d is not possible; use 1 to %d", size.name, size.value, size.max)
		}
	}
	if c.Heads*c.DimHead > maxDim {
		return fmt.Errorf("heads %d of dim-head %d are %d wide; use %d at most", c.Heads, c.DimHead, c.Heads*c.DimHead, maxDim)
	}
	for _, p := range []struct {
		name  string
		value float64
	}{{"attn-dropout", c.AttnDropout}, {"ff-dropout", c.FFDropout}} {
		if !(p.value >= 0 && p.value < 1) || math.IsNaN(p.value) {
			return fmt.Errorf("%s %v is not possible; use a probability from 0 to below 1", p.name, p.value)
		}
	}
	if c.KeepMB < 0 {
		return fmt.Errorf("keep-mb %d is not possible; use 0 or more", c.KeepMB)
	}
	if c.Reversible && c.Checkpoint {
		return fmt.Errorf("checkpoint is not possible with reversible layers, which are recomputed anyway; use one of the two")
	}
	if c.ShiftTokens && (c.Dim%4 != 0 || !c.Causal) {
		return fmt.Errorf("shift-tokens is not possible with dim %d; use a multiple of 4 in a causal transformer", c.Dim)
	}
	if c.Rotary && c.DimHead < 6 {
		return fmt.Errorf("rotary is not possible with dim-head %d; use 6 or more", c.DimHead)
	}
	if err := c.Geometry.validate(); err != nil {
		return err
	}
	if err := c.validatePatterns(); err != nil {
		return err
	}
	return c.validateShared()
}

func (c Config) validatePatterns() error {
	if len(c.Attention) > c.Depth {
		return fmt.Errorf("attention %v names more layers than depth %d has; leave some out", c.Attention, c.Depth)
	}
	for _, p := range c.Attention {
		if !slices.Contains(Patterns, p) {
			return fmt.Errorf("attention %q is not known; use some of %v", p, Patterns)
		}
		if p != Full && !c.Causal {
			return fmt.Errorf("attention %s is only for causal transformers; use %s", p, Full)
		}
		if p != Full && p != Sparse && c.Geometry.cells() == 0 {
			return fmt.Errorf("attention %s is only for pictures; use %s", p, Full)
		}
		if p == ConvLike && (c.ConvKernel < 1 || c.ConvDilation < 1 || c.ConvKernel*c.ConvDilation > maxPositions) {
			return fmt.Errorf("conv-kernel %d with conv-dilation %d is not possible; use positive numbers, and a product of %d at most", c.ConvKernel, c.ConvDilation, maxPositions)
		}
	}
	return nil
}

func (c Config) validateShared() error {
	for _, shared := range []struct {
		name string
		ids  []int
	}{{"shared-attn", c.SharedAttn}, {"shared-ff", c.SharedFF}} {
		if n := len(shared.ids); n != 0 && n != c.Depth {
			return fmt.Errorf("%s %v is not possible; name %d numbers, one a layer", shared.name, shared.ids, c.Depth)
		}
	}
	for layer, id := range c.SharedAttn {
		first := slices.Index(c.SharedAttn, id)
		if c.pattern(layer) != c.pattern(first) {
			return fmt.Errorf("shared-attn %v is not possible: layers %d and %d share their weights but have attention %s and %s; give them one pattern",
				c.SharedAttn, first+1, layer+1, c.pattern(first), c.pattern(layer))
		}
	}
	return nil
}

// pattern is the attention pattern of a layer.
func (c Config) pattern(layer int) Pattern {
	if len(c.Attention) == 0 {
		return Full
	}
	return c.Attention[layer%len(c.Attention)]
}

// AttnOwner is the first of the layers that the attention weights of this layer are shared with.
func (c Config) AttnOwner(layer int) int { return owner(c.SharedAttn, layer) }

// FFOwner is the first of the layers that the feed-forward weights of this layer are shared with.
func (c Config) FFOwner(layer int) int { return owner(c.SharedFF, layer) }

func owner(ids []int, layer int) int {
	if len(ids) == 0 {
		return layer
	}
	return slices.Index(ids, ids[layer])
}

// kept is the number of layers whose activations for so many rows fit into KeepMB.
func (c Config) kept(rows int) int {
	streams := 7 * c.Dim                 // norm, shift, result, scaled result and sum of a branch, about
	attention := 7 * c.Heads * c.DimHead // projections, turned ones, mixed values
	feedForward := 3 * c.FFMult * c.Dim  // before and behind the gate
	layer := 4 * rows * (2*streams + attention + feedForward)
	return (c.KeepMB << 20) / max(1, layer)
}
