package tensor

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// AttentionMask says which keys each query of an attention may attend to. It is made by [Device.NewAttentionMask].
type AttentionMask struct {
	mask kernel.AttentionMask
}

// NewAttentionMask makes a mask of the pairs of a query and a key for which allowed returns true.
//
// Attention is computed in tiles, and fully masked tiles are skipped. order lists all positions in the order in which they
// are cut into tiles; nil is 0, 1, 2 … It makes no difference to results, but saves time where allowed keys are far apart,
// such as the cells of a column of a picture. With an order, queries and keys are the same positions.
func (d *Device) NewAttentionMask(queries, keys int, order []int32, allowed func(query, key int) bool) *AttentionMask {
	if order != nil && (len(order) != queries || queries != keys) {
		panic(fmt.Sprintf("tensor: an order of %d positions for %d queries and %d keys", len(order), queries, keys))
	}
	m := kernel.AttentionMask{Queries: queries, Keys: keys}
	fill := func(allowed func(query, key int) bool) []int32 {
		words := make([]int32, queries*m.Words())
		for q := range queries {
			for k := range keys {
				if allowed(q, k) {
					words[q*m.Words()+k/32] |= 1 << (k % 32)
				}
			}
		}
		return words
	}
	rows := fill(allowed)
	bits := rows
	m.Rows = d.constants(rows)
	m.Bits = m.Rows
	if order != nil {
		bits = fill(func(q, k int) bool {
			query, key := int(order[q]), order[k]
			return rows[query*m.Words()+int(key/32)]>>(key%32)&1 != 0
		})
		m.Order, m.Bits = d.constants(order), d.constants(bits)
	}
	starts, tiles := tileLists(&m, bits)
	m.Starts, m.Tiles = d.constants(starts), d.constants(tiles)
	return &AttentionMask{m}
}

// tileLists lists the tiles that aren't fully masked.
func tileLists(m *kernel.AttentionMask, bits []int32) (starts, tiles []int32) {
	const tile = kernel.AttentionTile // a word of bits is as wide
	starts = []int32{0}
	for first := 0; first < m.Queries; first += tile {
		for word := range m.Words() {
			some, all := uint32(0), ^uint32(0)
			for q := first; q < min(m.Queries, first+tile); q++ {
				some |= uint32(bits[q*m.Words()+word])
				all &= uint32(bits[q*m.Words()+word])
			}
			entry := int32(2 * word)
			if present := uint32(1)<<min(32, m.Keys-32*word) - 1; all&present == present {
				entry++
			}
			if some != 0 {
				tiles = append(tiles, entry)
			}
		}
		starts = append(starts, int32(len(tiles)))
	}
	return starts, tiles
}

func (d *Device) constants(values []int32) kernel.Buffer {
	b := d.kernels.AllocInts(len(values))
	d.kernels.UploadInts(b, values)
	return b
}

// SelfAttention returns softmax(scale·q·kᵀ)·v (Vaswani et al., 2017) [B, n, heads·D] for t [B, n, 3·heads·D], which holds
// q, k and v of each token one after the other. Like FlashAttention (Dao et al., 2022) it computes the softmax online: the
// n×n scores are never in memory as a whole, and the gradient recomputes them. A query attends to the keys that mask (nil:
// all) allows and whose keep (indices [B, n], nil: all) is not 0; a query without any gives 0.
func (t *Tensor) SelfAttention(heads int, scale float64, mask *AttentionMask, keep *Tensor) *Tensor {
	if t.rank != 3 || t.dims[2]%(3*heads) != 0 {
		panic(fmt.Sprintf("tensor: SelfAttention of %v with %d heads", t, heads))
	}
	batch, n, width := t.dims[0], t.dims[1], t.dims[2]/3
	a := kernel.Attention{
		Batch: batch, Heads: heads, Dim: width / heads, Queries: n, Keys: n, Scale: scale,
		RowQ: 3 * width, RowK: 3 * width, RowV: 3 * width, RowY: width,
		BatchQ: n * 3 * width, BatchK: n * 3 * width, BatchV: n * 3 * width, BatchY: n * width,
	}
	if mask != nil {
		a.Mask = &mask.mask
		if mask.mask.Queries != n || mask.mask.Keys != n {
			panic(fmt.Sprintf("tensor: SelfAttention of %v with a mask of %d×%d", t, mask.mask.Queries, mask.mask.Keys))
		}
	}
	var kept kernel.Buffer
	if keep != nil {
		if !keep.ints || keep.Len() != batch*n {
			panic(fmt.Sprintf("tensor: SelfAttention of %v keeping %v", t, keep))
		}
		kept = keep.data
	}
	parts := func(b kernel.Buffer) (q, k, v kernel.Buffer) {
		return b, b.Slice(width, max(0, b.Len-width)), b.Slice(2*width, max(0, b.Len-2*width))
	}
	y := t.device.empty(batch, n, width)
	q, k, v := parts(t.data)
	if !t.device.recording(t) {
		t.kernels().Attention(a, q, k, v, kept, y.data, kernel.Buffer{})
		return y
	}
	logSum := t.device.empty(batch, heads, n)
	t.kernels().Attention(a, q, k, v, kept, y.data, logSum.data)
	t.device.record(func() {
		g := t.device.take(t.Len())
		gq, gk, gv := parts(g)
		t.kernels().AttentionGrad(a, q, k, v, kept, y.data, logSum.data, y.grad, gq, gk, gv)
		t.device.settleGrad(t, g)
	}, y)
	return y
}
