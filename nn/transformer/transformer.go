// Package transformer is the transformer of DALL-E (Ramesh et al., 2021) and CLIP in DALLE-pytorch's variant.
//
// A layer adds two residual branches to a stream of vectors x [B, n, Dim], attention and a GEGLU feed-forward net
// (Shazeer, 2020), each with a layer normalization before it and a learned scale after it (LayerScale; Touvron et al.,
// 2021):
//
//	x = x + scale₁·attention(norm₁(x))
//	x = x + scale₂·feedForward(norm₂(x))
//
// Options are sparse attention patterns over the cells of a picture ([Pattern]), rotary embeddings on the axes text, row
// and column ([Config.Angles]), token shift, reversible residual blocks (Gomez et al., 2017), activation checkpointing,
// and weights shared between layers.
//
// The layers are written once. Without a [Cache], Forward maps whole sequences and records gradients; with one, it maps
// the next positions of each sequence by the fused kernels of decoding.
package transformer

import (
	"math"
	"strconv"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/require"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Transformer maps sequences [B, n, Dim] to sequences of the same shape.
type Transformer struct {
	config Config
	layers []layer
	random *tensor.Generator // of dropout; replayed where activations are recomputed

	cos, sin *tensor.Tensor // [Len, R], or nil without rotary embeddings
	shift    *tensor.Tensor // ints [4·Len], see shiftIndex, or nil
	index    []int32        // the same numbers
}

type layer struct{ attention, feedForward *branch }

// New builds a transformer on a device. g initialises the weights and is kept for dropout. The error is a
// [*fault.FieldError], or a [*fault.OutOfMemory] of the device.
func New(d *tensor.Device, c Config, g *tensor.Generator) (t *Transformer, err error) {
	defer fault.Catch(&err)
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if err := require.Builder(d, g); err != nil {
		return nil, err
	}
	t = &Transformer{config: c, random: g}
	masks := map[string]*tensor.AttentionMask{}
	attentions, feedForwards := make([]*attention, c.Depth), make([]*feedForward, c.Depth)
	for i := range c.Depth {
		key := c.maskKey(i)
		if _, known := masks[key]; !known {
			masks[key] = c.Mask(d, i)
		}
		attentionOwner, feedForwardOwner := c.AttnOwner(i), c.FFOwner(i)
		if attentionOwner < i {
			shared := *attentions[attentionOwner]
			shared.mask = masks[key]
			attentions[i] = &shared
		} else {
			attentions[i] = newAttention(d, c, masks[key], g)
		}
		attention := newBranch(d, c, i, attentions[i], attentionOwner < i)
		if feedForwardOwner < i {
			feedForwards[i] = feedForwards[feedForwardOwner]
		} else {
			feedForwards[i] = newFeedForward(d, c, g)
		}
		t.layers = append(t.layers, layer{attention, newBranch(d, c, i, feedForwards[i], feedForwardOwner < i)})
	}
	if c.Rotary {
		angles, r := c.Angles(c.Geometry.Len())
		cos, sin := make([]float32, len(angles)), make([]float32, len(angles))
		for i, a := range angles {
			s, c := math.Sincos(float64(a))
			cos[i], sin[i] = float32(c), float32(s)
		}
		t.cos, t.sin = d.From(cos, len(cos)/r, r).Keep(), d.From(sin, len(sin)/r, r).Keep()
	}
	if c.ShiftTokens {
		t.index = c.Geometry.shiftIndex(c.Dim)
		t.shift = d.Ints(t.index).Keep()
	}
	return t, nil
}

// Visit implements nn.Module. Weights that layers share are visited once, in the first of the layers.
func (t *Transformer) Visit(path string, f func(nn.Param)) {
	for i, l := range t.layers {
		at, own := nn.Join(path, "layers."+strconv.Itoa(i)), nn.Within(t.block(i), f)
		l.attention.Visit(nn.Join(at, "attention"), own)
		l.feedForward.Visit(nn.Join(at, "ff"), own)
	}
}

// block identifies a layer for nn.Enter; nil for those of a transformer whose layers share weights.
func (t *Transformer) block(i int) any {
	if len(t.config.SharedAttn)+len(t.config.SharedFF) > 0 {
		return nil
	}
	return &t.layers[i]
}

// SetTraining implements nn.Module: dropout acts in training only.
func (t *Transformer) SetTraining(on bool) {
	for _, l := range t.layers {
		l.attention.SetTraining(on)
		l.feedForward.SetTraining(on)
	}
}

// String implements fmt.Stringer: the table of [nn.Summary].
func (t *Transformer) String() string { return nn.Summary(t) }
