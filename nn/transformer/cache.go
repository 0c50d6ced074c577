package transformer

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/tensor"
)

// Cache keeps what a causal transformer has computed of the positions of a batch of sequences, so that the ones after
// them cost no more than themselves.
type Cache struct {
	length int
	layers []layerCache
}

type layerCache struct{ attention, feedForward branchCache }

// branchCache belongs to a branch.
type branchCache struct {
	memory *tensor.Tensor // [2, B, Len, heads·D]: keys and values, rotated
	inputs *tensor.Tensor // [B, Len, Dim]: normalised, before the shift
}

// NewCache makes an empty cache for a batch of sequences. It lives until it is no longer referenced.
func (t *Transformer) NewCache(batch int) *Cache {
	if !t.config.Causal {
		panic("transformer: only causal transformers can use a cache")
	}
	d, c := t.layers[0].attention.scale.Device(), t.config
	room := func(shape ...int) *tensor.Tensor { return d.Zeros(shape...).Keep() }
	cache := &Cache{layers: make([]layerCache, c.Depth)}
	for i := range cache.layers {
		l := &cache.layers[i]
		l.attention.memory = room(2, batch, c.Geometry.Len(), c.Heads*c.DimHead)
		if c.ShiftTokens {
			l.attention.inputs, l.feedForward.inputs = room(batch, c.Geometry.Len(), c.Dim), room(batch, c.Geometry.Len(), c.Dim)
		}
	}
	return cache
}

// Len is the number of positions that c holds.
func (c *Cache) Len() int { return c.length }

// Extend maps x [B, m, Dim], the m positions after those in the cache, as Forward would among all positions, and adds
// them to the cache. It computes as in evaluation, without dropout, and has no gradient.
func (t *Transformer) Extend(x *tensor.Tensor, c *Cache) *tensor.Tensor {
	y, twin := t.ExtendStreams(x, c)
	if twin != nil {
		return y.Add(twin).Scale(0.5)
	}
	return y
}

// ExtendStreams is Extend without its last step: the result is the mean of y and its twin, or y where that is nil.
func (t *Transformer) ExtendStreams(x *tensor.Tensor, c *Cache) (y, twin *tensor.Tensor) {
	m := x.Dim(1)
	if c.length+m > t.config.Geometry.Len() {
		panic(fmt.Sprintf("transformer: Extend by %d of a cache of %d positions, of %d possible", m, c.length, t.config.Geometry.Len()))
	}
	p := &pass{cos: t.cos, sin: t.sin, first: c.length}
	if t.shift != nil {
		p.moved = &tensor.TokenShift{First: p.first, Index: t.index[4*p.first : 4*(p.first+m)]}
	}
	x1, x2 := x, x // one stream unless the layers are reversible
	for i, l := range t.layers {
		at := &c.layers[i]
		x1 = l.attention.cached(x1, x2, p, &at.attention)
		if t.config.Reversible {
			x2 = l.feedForward.cached(x2, x1, p, &at.feedForward)
		} else {
			x1 = l.feedForward.cached(x1, x1, p, &at.feedForward)
			x2 = x1
		}
	}
	c.length += m
	if t.config.Reversible {
		return x1, x2
	}
	return x1, nil
}
