// Package transformer is the transformer of DALL-E (Ramesh et al., 2021) and CLIP in DALLE-pytorch's variant of it.
//
// Each layer adds two branches to a stream of vectors, attention and a GEGLU feed-forward net, each with a norm before
// it and a learned scale behind it. Optional are sparse patterns of attention over the cells of a picture, rotary
// embeddings on the axes text, row and column, tokens that take channels from their neighbours, reversible layers, and
// weights shared between layers.
package transformer

import (
	"math"
	"strconv"

	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Transformer maps sequences [B, n, Dim] to sequences of the same shape.
type Transformer struct {
	config Config
	layers []layer
	random *tensor.Generator // of dropout, which is drawn again where activations are recomputed

	cos, sin *tensor.Tensor // [Len, R], or nil
	shift    *tensor.Tensor // ints [4·Len], see shiftIndex, or nil
	index    []int32        // the same numbers
}

type layer struct{ attention, feedForward *branch }

// New builds a transformer on a device. g initialises it and goes on to draw its dropout.
func New(d *tensor.Device, c Config, g *tensor.Generator) (*Transformer, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	t := &Transformer{config: c, random: g}
	masks := map[string]*tensor.AttentionMask{}
	for i := range c.Depth {
		key := c.maskKey(i)
		if _, known := masks[key]; !known {
			masks[key] = c.Mask(d, i)
		}
		var l layer
		if first := c.AttnOwner(i); first < i {
			own := *t.layers[first].attention.net.(*attention)
			own.mask = masks[key]
			l.attention = newBranch(d, c, i, &own, true)
		} else {
			l.attention = newBranch(d, c, i, newAttention(d, c, masks[key], g), false)
		}
		if first := c.FFOwner(i); first < i {
			l.feedForward = newBranch(d, c, i, t.layers[first].feedForward.net, true)
		} else {
			l.feedForward = newBranch(d, c, i, newFeedForward(d, c, g), false)
		}
		t.layers = append(t.layers, l)
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
		t.index = c.Geometry.shiftIndex()
		t.shift = d.Ints(t.index).Keep()
	}
	return t, nil
}

// Mask builds the attention mask of a layer, for positions of the Geometry; nil if every position sees every other.
func (c Config) Mask(d *tensor.Device, layer int) *tensor.AttentionMask {
	allowed := c.allowed(layer)
	if allowed == nil {
		return nil
	}
	var order []int32
	if c.pattern(layer) == AxialCol {
		order = c.Geometry.columnMajor()
	}
	n := c.Geometry.Len()
	return d.NewAttentionMask(n, n, order, allowed)
}

// Forward maps whole sequences x [B, Len, Dim]. keep, ints [B, Len], is 0 where a position is padding that none shall
// look at; nil means that there is none.
func (t *Transformer) Forward(x, keep *tensor.Tensor) *tensor.Tensor {
	p := &pass{cos: t.cos, sin: t.sin, keep: keep, shift: t.shift}
	if t.config.Reversible {
		recomputed := len(t.layers) - min(len(t.layers), t.config.kept(x.Dim(0)*x.Dim(1)))
		blocks := make([]tensor.ReversibleBlock, recomputed)
		for i, l := range t.layers[:recomputed] {
			blocks[i] = tensor.ReversibleBlock{
				F: func(x *tensor.Tensor) *tensor.Tensor { return l.attention.forward(x, p) },
				G: func(x *tensor.Tensor) *tensor.Tensor { return l.feedForward.forward(x, p) },
			}
		}
		y1, y2 := x, x
		if recomputed > 0 {
			y1, y2 = tensor.Reversible(x, x, blocks, t.random)
		}
		for _, l := range t.layers[recomputed:] {
			y1 = y1.Add(l.attention.forward(y2, p))
			y2 = y2.Add(l.feedForward.forward(y1, p))
		}
		return y1.Add(y2).Scale(0.5)
	}
	for _, l := range t.layers {
		run := func(x *tensor.Tensor) *tensor.Tensor {
			x = x.Add(l.attention.forward(x, p))
			return x.Add(l.feedForward.forward(x, p))
		}
		if t.config.Checkpoint {
			x = x.Checkpoint(run, t.random)
		} else {
			x = run(x)
		}
	}
	return x
}

// Visit implements nn.Module. Weights that layers share are visited once, in the first of the layers.
func (t *Transformer) Visit(path string, f func(nn.Param)) {
	for i, l := range t.layers {
		at := nn.Join(path, "layers."+strconv.Itoa(i))
		l.attention.Visit(nn.Join(at, "attention"), f)
		l.feedForward.Visit(nn.Join(at, "ff"), f)
	}
}

// SetTraining implements nn.Module: dropout is for training only.
func (t *Transformer) SetTraining(on bool) {
	for _, l := range t.layers {
		l.attention.SetTraining(on)
		l.feedForward.SetTraining(on)
	}
}
