package transformer

import (
	"cmp"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/require"
)

// Config has the sizes of a transformer and its variants.
type Config struct {
	Dim     int `json:"dim"`   // width of the residual stream
	Depth   int `json:"depth"` // layers, an attention and a feed-forward branch each
	Heads   int `json:"heads"`
	DimHead int `json:"dim_head"` // of the queries, keys and values of a head
	FFMult  int `json:"ff_mult"`  // width of the feed-forward branches, in multiples of Dim

	// Attention has the pattern of each layer, repeated as often as needed; empty means full attention.
	Attention    []Pattern `json:"attention"`
	ConvKernel   int       `json:"conv_kernel"`   // of ConvLike: side of the window in cells
	ConvDilation int       `json:"conv_dilation"` // of ConvLike: distance between the cells of the window

	AttnDropout float64 `json:"attn_dropout"` // after attention
	FFDropout   float64 `json:"ff_dropout"`   // in the feed-forward branches

	Reversible   bool `json:"reversible"`    // reversible residual blocks: activations are recomputed from the outputs
	KeepMB       int  `json:"keep_mb"`       // of Reversible: memory in MiB for activations that are kept, of the last layers
	Checkpoint   bool `json:"checkpoint"`    // activation checkpointing of each layer; not with Reversible
	SandwichNorm bool `json:"sandwich_norm"` // layer normalization after each branch, too
	ShiftTokens  bool `json:"shift_tokens"`  // token shift, see shiftIndex
	Rotary       bool `json:"rotary"`        // rotary embeddings, see Angles

	// SharedAttn and SharedFF have a number for each layer: layers with equal numbers share the weights of that branch,
	// except norms and scale. Empty: no layer shares.
	SharedAttn []int `json:"shared_attn,omitempty"`
	SharedFF   []int `json:"shared_ff,omitempty"`

	// Geometry and Causal are set by the model that the transformer is part of.
	Geometry Geometry `json:"-"`
	Causal   bool     `json:"-"` // a position attends to none after it
}

// MaxPositions is the largest length of a sequence.
const MaxPositions = 1 << 14

// Limits of what a mistake or a damaged file can allocate.
const (
	maxDim    = 1 << 14
	maxDepth  = 512
	maxFFMult = 64
	maxKeepMB = 1 << 20
)

// Validate returns a [*fault.FieldError] for a value that is not allowed.
func (c Config) Validate() error {
	if err := cmp.Or(
		require.Sizes(
			require.Size{Field: "Dim", Value: c.Dim, Min: 1, Max: maxDim},
			require.Size{Field: "Depth", Value: c.Depth, Min: 1, Max: maxDepth},
			require.Size{Field: "Heads", Value: c.Heads, Min: 1, Max: maxDim},
			require.Size{Field: "DimHead", Value: c.DimHead, Min: 1, Max: maxDim},
			require.Size{Field: "FFMult", Value: c.FFMult, Min: 1, Max: maxFFMult},
		),
		require.Dropout("AttnDropout", c.AttnDropout),
		require.Dropout("FFDropout", c.FFDropout),
	); err != nil {
		return err
	}
	switch {
	case c.Heads*c.DimHead > maxDim:
		return fault.Field("Heads", c.Heads, "times DimHead %d must be at most %d", c.DimHead, maxDim)
	case c.KeepMB < 0 || c.KeepMB > maxKeepMB:
		return fault.Field("KeepMB", c.KeepMB, "must be 0 to %d", maxKeepMB)
	case c.Reversible && c.Checkpoint:
		return fault.Field("Checkpoint", nil, "can't be combined with Reversible, which recomputes activations anyway; set one of them")
	case c.ShiftTokens && c.Dim < 2:
		return fault.Field("Dim", c.Dim, "must be 2 or more with ShiftTokens")
	case c.ShiftTokens && !c.Causal:
		return fault.Field("ShiftTokens", nil, "needs a causal transformer")
	case c.Rotary && c.DimHead < 6:
		return fault.Field("DimHead", c.DimHead, "must be 6 or more with Rotary")
	}
	return cmp.Or(c.Geometry.validate(), c.validatePatterns(), c.validateShared())
}

// choices lists patterns: "full, axial_row or sparse".
func choices(all []Pattern) string {
	var b strings.Builder
	for i, p := range all {
		switch {
		case i == 0:
		case i == len(all)-1:
			b.WriteString(" or ")
		default:
			b.WriteString(", ")
		}
		b.WriteString(string(p))
	}
	return b.String()
}

func (c Config) validatePatterns() error {
	if len(c.Attention) > c.Depth {
		return fault.Field("Attention", c.Attention, "must have at most as many patterns as Depth, %d", c.Depth)
	}
	for _, p := range c.Attention {
		switch {
		case !slices.Contains(Patterns, p):
			return fault.Field("Attention", p, "must be %s", choices(Patterns))
		case p != Full && !c.Causal:
			return fault.Field("Attention", p, "needs a causal transformer; use %s", Full)
		case p != Full && p != Sparse && c.Geometry.cells() == 0:
			return fault.Field("Attention", p, "is for the cells of pictures only; use %s", Full)
		case p == ConvLike && (c.ConvKernel < 1 || c.ConvKernel > MaxPositions):
			return fault.Field("ConvKernel", c.ConvKernel, "must be 1 to %d", MaxPositions)
		case p == ConvLike && (c.ConvDilation < 1 || c.ConvDilation > MaxPositions/c.ConvKernel):
			return fault.Field("ConvDilation", c.ConvDilation, "must be 1 or more, and at most %d times ConvKernel", MaxPositions)
		}
	}
	return nil
}

func (c Config) validateShared() error {
	for _, shared := range []struct {
		field string
		ids   []int
	}{{"SharedAttn", c.SharedAttn}, {"SharedFF", c.SharedFF}} {
		if n := len(shared.ids); n != 0 && n != c.Depth {
			return fault.Field(shared.field, shared.ids, "must have %d numbers, one for each layer", c.Depth)
		}
	}
	for layer, id := range c.SharedAttn {
		first := slices.Index(c.SharedAttn, id)
		if c.pattern(layer) != c.pattern(first) {
			return fault.Field("SharedAttn", c.SharedAttn, "layers %d and %d share their weights, so they must have one pattern of Attention, not %s and %s",
				first+1, layer+1, c.pattern(first), c.pattern(layer))
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

// AttnOwner returns the first layer with the attention weights of this layer.
func (c Config) AttnOwner(layer int) int { return owner(c.SharedAttn, layer) }

// FFOwner returns the first layer with the feed-forward weights of this layer.
func (c Config) FFOwner(layer int) int { return owner(c.SharedFF, layer) }

func owner(ids []int, layer int) int {
	if len(ids) == 0 {
		return layer
	}
	return slices.Index(ids, ids[layer])
}

// kept returns the number of layers whose activations fit into KeepMB, for that many rows of the stream.
func (c Config) kept(rows int) int {
	streams := 7 * c.Dim                 // about: norm, shift, result, scaled result and sum of a branch
	attention := 7 * c.Heads * c.DimHead // projections, rotated projections, attended values
	feedForward := 3 * c.FFMult * c.Dim  // before and after the gate
	layer := 4 * rows * (2*streams + attention + feedForward)
	return (c.KeepMB << 20) / max(1, layer)
}
