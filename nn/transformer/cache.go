package transformer

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/tensor"
)

// Cache is a KV cache: keys and values of the positions of a batch of sequences that a causal transformer has computed,
// so that the positions after them cost only themselves.
type Cache struct {
	length int
	layers []layerCache
}

type layerCache struct{ attention, feedForward branchCache }

// branchCache belongs to a branch.
type branchCache struct {
	memory *tensor.Tensor // [2, B, Len, heads·D]: keys and values, rotated; nil in feed-forward branches
	inputs *tensor.Tensor // [B, Len, Dim]: normalized, before the token shift; nil without it
}

// NewCache returns an empty cache for a batch of sequences. It panics if the transformer is not causal. Its memory
// is that of the current step, or is released when it is no longer referenced where no step is open.
func (t *Transformer) NewCache(batch int) *Cache {
	if !t.config.Causal {
		panic("transformer: only causal transformers can use a cache")
	}
	d, c := t.layers[0].attention.scale.Device(), t.config
	n := c.Geometry.Len()
	room := d.Zeros
	cache := &Cache{layers: make([]layerCache, c.Depth)}
	for i := range cache.layers {
		l := &cache.layers[i]
		l.attention.memory = room(2, batch, n, c.Heads*c.DimHead)
		if c.ShiftTokens {
			l.attention.inputs, l.feedForward.inputs = room(batch, n, c.Dim), room(batch, n, c.Dim)
		}
	}
	return cache
}

// Spread returns a cache whose sequence i continues sequence rows[i] of c. Its memory is as that of [Transformer.NewCache].
func (c *Cache) Spread(rows *tensor.Tensor) *Cache {
	all := &Cache{length: c.length, layers: make([]layerCache, len(c.layers))}
	for i, l := range c.layers {
		to := &all.layers[i]
		to.attention.memory = l.attention.memory.Gather(1, rows)
		if l.attention.inputs != nil {
			to.attention.inputs, to.feedForward.inputs = l.attention.inputs.Gather(0, rows), l.feedForward.inputs.Gather(0, rows)
		}
	}
	return all
}

// Len returns the number of positions in the cache.
func (c *Cache) Len() int { return c.length }

// Tensors returns the memory of the cache: of each layer the keys and values [2, B, Len, heads·D] and, with a token shift, the
// inputs [B, Len, Dim] of the attention and those of the feed-forward net.
func (c *Cache) Tensors() (all []*tensor.Tensor) {
	for _, l := range c.layers {
		all = append(all, l.attention.memory)
		if l.attention.inputs != nil {
			all = append(all, l.attention.inputs, l.feedForward.inputs)
		}
	}
	return all
}

// CacheOf returns a cache of the first positions of sequences, with the memory that [Cache.Tensors] returned. It panics if that is of
// another transformer.
func (t *Transformer) CacheOf(positions int, memory []*tensor.Tensor) *Cache {
	each := 1
	if t.config.ShiftTokens {
		each = 3
	}
	if len(memory) != each*len(t.layers) {
		panic(fmt.Sprintf("transformer: a cache of %d tensors, want %d for each of %d layers", len(memory), each, len(t.layers)))
	}
	c := &Cache{length: positions, layers: make([]layerCache, len(t.layers))}
	for i := range c.layers {
		own, l := memory[i*each:], &c.layers[i]
		if l.attention.memory = own[0]; each == 3 {
			l.attention.inputs, l.feedForward.inputs = own[1], own[2]
		}
	}
	return c
}

// Tables are what decoding takes for each position.
type Tables struct {
	Cos, Sin *tensor.Tensor // [Len, R] of the rotary angles; nil without them
	// Sources [4·Len] has the position that each quarter of the channels is taken from by the token shift, −1 for none; nil without one.
	Sources []int32
	Uneven  bool // the token shift doesn't take quarters, as the width is no multiple of 4; Sources is nil
}

// Tables returns what decoding takes for each position.
func (t *Transformer) Tables() Tables {
	all := Tables{Cos: t.cos, Sin: t.sin, Uneven: t.shift != nil && t.config.Dim%4 != 0}
	if t.shift != nil && !all.Uneven {
		for _, from := range t.index {
			if from >= 0 {
				from /= 4
			}
			all.Sources = append(all.Sources, from)
		}
	}
	return all
}
