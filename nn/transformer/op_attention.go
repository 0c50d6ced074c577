package transformer

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/tensor"
)

// cachedAttention is the attention of new tokens, at positions first to first+m−1, to all tokens up to and including
// themselves, with a KV cache. No gradient flows.
type cachedAttention struct {
	heads    int
	scale    float64
	cos, sin *tensor.Tensor        // [at least first+m, R]: rotary angles of queries, keys and values; or nil
	memory   *tensor.Tensor        // [2, B, capacity, heads·D]: the KV cache, rotated; the new tokens' are stored there
	first    int                   // position of the first new token
	mask     *tensor.AttentionMask // new tokens are its rows from first on; nil allows all keys
}

// apply attends for qkv [B, m, 3·heads·D], the query, key and value of each new token one after the other, and returns
// [B, m, heads·D]. It panics if shapes don't match.
func (a cachedAttention) apply(qkv *tensor.Tensor) *tensor.Tensor {
	memory, first := a.memory, a.first
	if qkv.Rank() != 3 || memory.Rank() != 4 || memory.Dim(0) != 2 || qkv.Dim(2) != 3*memory.Dim(3) || qkv.Dim(0) != memory.Dim(1) ||
		memory.Dim(3)%a.heads != 0 || first < 0 || first+qkv.Dim(1) > memory.Dim(2) {
		panic(fmt.Sprintf("transformer: cached attention of %v from %d with %v", qkv, first, memory))
	}
	d := qkv.Device()
	batch, m, capacity, width := qkv.Dim(0), qkv.Dim(1), memory.Dim(2), memory.Dim(3)
	half := memory.Len() / 2
	keys, values := engine.Data(memory).Slice(0, half), engine.Data(memory).Slice(half, half)
	mask := engine.Mask(a.mask)
	if mask != nil && first+m > mask.Queries {
		panic(fmt.Sprintf("transformer: cached attention of %v from %d with a mask of %d queries", qkv, first, mask.Queries))
	}
	if k := engine.Decoding(d); k != nil && m == 1 {
		c := kernel.CachedAttention{
			Batch: batch, Heads: a.heads, Dim: width / a.heads, Capacity: capacity, Position: first, Scale: a.scale, Mask: mask,
		}
		var cos, sin kernel.Buffer
		if a.cos != nil {
			c.Pairs = a.cos.Dim(1)
			cos, sin = engine.Data(a.cos).Slice(first*c.Pairs, c.Pairs), engine.Data(a.sin).Slice(first*c.Pairs, c.Pairs)
		}
		y := engine.Empty(d, batch, 1, width)
		k.AttendCached(c, engine.Data(qkv), cos, sin, keys, values, engine.Data(y))
		return y
	}
	if a.cos != nil {
		heads := qkv.Reshape(batch, m, 3*a.heads, width/a.heads)            // [B, m, 3·heads, D]
		qkv = rotary(heads, a.cos, a.sin, first).Reshape(batch, m, 3*width) // [B, m, 3·heads·D]
	}
	engine.Kernels(d).Copy(kernel.Strided{ // k and v to the cache
		Rank: 4, Shape: kernel.Dims{2, batch, m, width}, OffsetDst: first * width, OffsetSrc: width,
		StrideDst: kernel.Dims{batch * capacity * width, capacity * width, width, 1},
		StrideSrc: kernel.Dims{width, m * 3 * width, 3 * width, 1},
	}, engine.Data(memory), engine.Data(qkv))
	y := engine.Empty(d, batch, m, width)
	engine.Kernels(d).Attention(kernel.Attention{
		Batch: batch, Heads: a.heads, Dim: width / a.heads, Queries: m, Keys: first + m, First: first, Scale: a.scale, Mask: mask,
		RowQ: 3 * width, RowK: width, RowV: width, RowY: width,
		BatchQ: m * 3 * width, BatchK: capacity * width, BatchV: capacity * width, BatchY: m * width,
	}, engine.Data(qkv), keys, values, kernel.Buffer{}, engine.Data(y), kernel.Buffer{})
	return y
}

// rotary applies rotary embeddings (Su et al., 2021): in x [B, n, groups, D], whose tokens are at positions from first on,
// it rotates pair j < R of neighbouring features of each group at position i by the angle with cosine cos[i, j] and sine
// sin[i, j] [at least first+n, R], which are constants. Features from 2·R on stay.
func rotary(x, cos, sin *tensor.Tensor, first int) *tensor.Tensor {
	if x.Rank() != 4 || cos.Rank() != 2 || sin.Rank() != 2 || cos.Dim(0) != sin.Dim(0) || cos.Dim(1) != sin.Dim(1) ||
		first < 0 || first+x.Dim(1) > cos.Dim(0) || 2*cos.Dim(1) > x.Dim(3) {
		panic(fmt.Sprintf("transformer: rotary embedding of %v from %d by %v and %v", x, first, cos, sin))
	}
	d := x.Device()
	k := engine.Kernels(d)
	r := kernel.Rotary{Batch: x.Dim(0), Tokens: x.Dim(1), Groups: x.Dim(2), Dim: x.Dim(3), Pairs: cos.Dim(1)}
	from, angles := first*r.Pairs, r.Tokens*r.Pairs
	cosines, sines := engine.Data(cos).Slice(from, angles), engine.Data(sin).Slice(from, angles)
	y := engine.Empty(d, x.Shape()...)
	k.Rotary(r, cosines, sines, engine.Data(x), engine.Data(y))
	if engine.Recording(d, x) {
		engine.Record(d, func() {
			engine.MoveGrad(x, y, func(g kernel.Buffer) { // the inverse rotation
				r.Inverse = true
				k.Rotary(r, cosines, sines, g, g)
			})
		}, y)
	}
	return y
}
