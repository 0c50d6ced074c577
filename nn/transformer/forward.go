package transformer

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Forward maps x [B, n, Dim] to [B, n, Dim].
//
// Without a cache (nil), x are whole sequences of n = Geometry.Len() positions, or fewer if the transformer is not
// causal. keep, ints [B, n], is 0 where a position is padding that no position attends to; nil keeps all.
//
// With a cache, x are the n positions after those in the cache, which gets theirs; the result is the same as among whole
// sequences. There is no dropout and no gradient then, and keep must be nil.
func (t *Transformer) Forward(x, keep *tensor.Tensor, cache *Cache) *tensor.Tensor {
	y, twin := t.Streams(x, keep, cache)
	if twin != nil {
		y = y.Add(twin).Scale(0.5)
	}
	return y
}

// Streams is Forward without its last step: with reversible layers, the result of Forward is the mean of y and twin, and
// otherwise it is y, and twin is nil.
func (t *Transformer) Streams(x, keep *tensor.Tensor, cache *Cache) (y, twin *tensor.Tensor) {
	p := t.newPass(x, keep, cache)
	x1, x2, first := t.recomputed(x, p)
	for i := first; i < len(t.layers); i++ {
		l, memory := t.layers[i], p.layer(i)
		if cache == nil {
			x1 = nn.Enter(x1, t.block(i))
		}
		if t.config.Reversible {
			x1 = l.attention.forward(x1, x2, p, &memory.attention)     // [B, n, Dim]
			x2 = l.feedForward.forward(x2, x1, p, &memory.feedForward) // [B, n, Dim]
			continue
		}
		run := func(x *tensor.Tensor) *tensor.Tensor {
			x = l.attention.forward(x, x, p, &memory.attention)        // [B, n, Dim]
			return l.feedForward.forward(x, x, p, &memory.feedForward) // [B, n, Dim]
		}
		if t.config.Checkpoint && cache == nil {
			x1 = tensor.Checkpoint(run, x1, t.random)
		} else {
			x1 = run(x1)
		}
	}
	if cache == nil {
		x1 = nn.Enter(x1, nil)
	} else {
		cache.length += x.Dim(1)
	}
	if t.config.Reversible {
		return x1, x2
	}
	return x1, nil
}

// recomputed runs the first layers, whose activations are recomputed in the backward pass since they don't fit into
// Config.KeepMB, and returns both streams and the number of these layers: 0 unless layers are reversible.
func (t *Transformer) recomputed(x *tensor.Tensor, p *pass) (x1, x2 *tensor.Tensor, n int) {
	if !t.config.Reversible || p.cache != nil {
		return x, x, 0
	}
	n = len(t.layers) - min(len(t.layers), t.config.kept(x.Dim(0)*x.Dim(1)))
	if n == 0 {
		return x, x, 0
	}
	blocks := make([]reversibleBlock, n)
	for i, l := range t.layers[:n] {
		blocks[i] = reversibleBlock{
			key: t.block(i),
			f:   func(x *tensor.Tensor) *tensor.Tensor { return l.attention.forward(nil, x, p, nil) },
			g:   func(x *tensor.Tensor) *tensor.Tensor { return l.feedForward.forward(nil, x, p, nil) },
		}
	}
	x1, x2 = reversible(x, x, blocks, t.random)
	return x1, x2, n
}

// pass is what the layers of one forward pass share.
type pass struct {
	cos, sin *tensor.Tensor // [Len, R] of all positions, or nil
	keep     *tensor.Tensor // ints [B, n], 0 where a key is padding, or nil
	shift    *tensor.Tensor // ints [parts·n], see shiftIndex, or nil

	// With a cache:
	cache *Cache
	moved *TokenShift // takes the place of shift
}

func (t *Transformer) newPass(x, keep *tensor.Tensor, cache *Cache) *pass {
	p := &pass{cos: t.cos, sin: t.sin, keep: keep, cache: cache}
	if cache == nil {
		p.shift = t.shift
		return p
	}
	first, n := cache.length, x.Dim(1)
	if first+n > t.config.Geometry.Len() {
		panic(fmt.Sprintf("transformer: Forward of %d positions after %d in the cache, of %d possible", n, first, t.config.Geometry.Len()))
	}
	if keep != nil {
		panic("transformer: Forward with both a cache and padding")
	}
	if t.shift != nil {
		parts := shiftParts(t.config.Dim)
		p.moved = &TokenShift{First: first, Index: t.index[parts*first : parts*(first+n)]}
	}
	return p
}

// layer returns the part of the cache that belongs to a layer; it is empty without a cache.
func (p *pass) layer(i int) *layerCache {
	if p.cache == nil {
		return &layerCache{}
	}
	return &p.cache.layers[i]
}
