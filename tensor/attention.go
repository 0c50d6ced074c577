package tensor

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// AttentionMask says which keys each query of an attention sees.
type AttentionMask struct {
	kernel.AttentionMask
}

// NewAttentionMask asks allowed about every pair of a query and a key. order lists all positions in the order in which
// they are cut into tiles, of which those are skipped that nobody sees anything of; nil is 0, 1, 2 … It is worth giving
// where what is seen isn't close together, such as the columns of a picture, and makes no difference to results. With
// an order, queries and keys are the same positions.
func (d *Device) NewAttentionMask(queries, keys int, order []int32, allowed func(query, key int) bool) *AttentionMask {
	if order != nil && (len(order) != queries || queries != keys) {
		panic(fmt.Sprintf("tensor: an order of %d positions for %d queries and %d keys", len(order), queries, keys))
	}
	m := &AttentionMask{kernel.AttentionMask{Queries: queries, Keys: keys}}
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
	starts, tiles := tileLists(&m.AttentionMask, bits)
	m.Starts, m.Tiles = d.constants(starts), d.constants(tiles)
	return m
}

// tileLists finds the tiles of which something is seen.
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
// q, k and v of each token one after the other. The n×n scores are never in memory as a whole, nor kept for the
// gradient. A query sees the keys that mask (nil: all) allows and of which keep (indices [B, n], nil: all) is not 0;
// one that sees none gives 0.
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
		a.Mask = &mask.AttentionMask
		if mask.Queries != n || mask.Keys != n {
			panic(fmt.Sprintf("tensor: SelfAttention of %v with a mask of %d×%d", t, mask.Queries, mask.Keys))
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

// Rotary turns pairs of neighbouring features (Su et al., 2021): of t [B, n, groups, D], whose tokens are at positions from
// first on, pair j < R of every group of the token at position i by the angle whose cosine and sine are cos[i, j] and
// sin[i, j] [at least first+n, R], which are constants. Features from 2·R on stay.
func (t *Tensor) Rotary(cos, sin *Tensor, first int) *Tensor {
	if t.rank != 4 || cos.rank != 2 || cos.dims != sin.dims || first < 0 || first+t.dims[1] > cos.dims[0] || 2*cos.dims[1] > t.dims[3] {
		panic(fmt.Sprintf("tensor: Rotary of %v from %d by %v and %v", t, first, cos, sin))
	}
	r := kernel.Rotary{Batch: t.dims[0], Tokens: t.dims[1], Groups: t.dims[2], Dim: t.dims[3], Pairs: cos.dims[1]}
	from, angles := first*r.Pairs, r.Tokens*r.Pairs
	cosines, sines := cos.data.Slice(from, angles), sin.data.Slice(from, angles)
	y := t.device.empty(t.Shape()...)
	t.kernels().Rotary(r, cosines, sines, t.data, y.data)
	if t.device.recording(t) {
		t.device.record(func() {
			t.moveGrad(y, func(g kernel.Buffer) {
				r.Inverse = true
				t.kernels().Rotary(r, cosines, sines, g, g)
			})
		}, y)
	}
	return y
}

// GEGLU returns a·GELU(b) [..., n] for t [..., 2n], which holds a and then b in each row (Shazeer, 2020).
func (t *Tensor) GEGLU() *Tensor {
	n := t.Dim(-1) / 2
	if 2*n != t.Dim(-1) {
		panic(fmt.Sprintf("tensor: GEGLU of %v", t))
	}
	shape := t.dims
	shape[t.rank-1] = n
	y := t.device.empty(shape[:t.rank]...)
	rows := count(shape[:t.rank-1])
	t.kernels().GatedGELU(rows, n, t.data, y.data)
	if t.device.recording(t) {
		t.device.record(func() {
			t.addGrad(func(dst kernel.Buffer) { t.kernels().GatedGELUGrad(rows, n, t.data, y.grad, dst) })
		}, y)
	}
	return y
}
