//go:build linux && (amd64 || arm64) && !nocuda

package cuda

import (
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// maskOf makes a mask of queries×keys positions on a device; nil for order keeps the positions' own order.
func maskOf(d kernel.Device, queries, keys int, order []int32, sees func(query, key int) bool) *kernel.AttentionMask {
	m := &kernel.AttentionMask{Queries: queries, Keys: keys}
	words := m.Words()
	rows, byPlace := make([]int32, queries*words), make([]int32, queries*words)
	at := func(place int) int {
		if order == nil {
			return place
		}
		return int(order[place])
	}
	starts, tiles := []int32{0}, []int32(nil)
	for q := range queries {
		for k := range keys {
			if sees(q, k) {
				rows[q*words+k/32] |= 1 << (k % 32)
			}
			if sees(at(q), at(k)) {
				byPlace[q*words+k/32] |= 1 << (k % 32)
			}
		}
	}
	for first := 0; first < queries; first += 32 {
		for w := range words {
			seen, all := 0, 0
			for q := first; q < min(queries, first+32); q++ {
				for k := 32 * w; k < min(keys, 32*w+32); k++ {
					all++
					if sees(at(q), at(k)) {
						seen++
					}
				}
			}
			if seen > 0 {
				tiles = append(tiles, int32(2*w)+flag(seen == all))
			}
		}
		starts = append(starts, int32(len(tiles)))
	}
	ints := func(values []int32) kernel.Buffer {
		b := d.AllocInts(len(values))
		d.UploadInts(b, values)
		return b
	}
	m.Rows, m.Bits, m.Starts, m.Tiles = ints(rows), ints(byPlace), ints(starts), ints(tiles)
	if order != nil {
		m.Order = ints(order)
	}
	return m
}

// TestAttention compares attention and its gradients with the portable device: heads of all widths, masks in any order, masked
// keys, and fully masked queries.
func TestAttention(t *testing.T) {
	check(t, func(t *rapid.T, d *Device) {
		a := newArena(t, d)
		defer a.free()
		setPrecision(t, d, rapid.SampledFrom([]kernel.Precision{kernel.Highest, kernel.High}).Draw(t, "precision"))
		at := kernel.Attention{
			Batch: rapid.IntRange(1, 2).Draw(t, "batch"), Heads: rapid.IntRange(1, 3).Draw(t, "heads"), Scale: 0.25,
			Dim: rapid.OneOf(rapid.IntRange(1, 140), rapid.SampledFrom([]int{4, 32, 64, 128})).Draw(t, "features"),
		}
		most := 150
		if isEmulated(d) {
			most, at.Batch, at.Heads, at.Dim = 70, 1, min(at.Heads, 2), min(at.Dim, 33)
		}
		n := rapid.IntRange(1, most).Draw(t, "queries")
		keys := n
		if rapid.Bool().Draw(t, "other keys") {
			keys = rapid.IntRange(1, most).Draw(t, "keys")
		}
		at.Queries, at.Keys = n, keys
		width := at.Heads * at.Dim
		at.RowQ, at.RowK, at.RowV, at.RowY = width, 2*width, 2*width, width+rapid.IntRange(0, 1).Draw(t, "gap")*4
		at.BatchQ, at.BatchK, at.BatchV, at.BatchY = n*at.RowQ, keys*at.RowK, keys*at.RowV, n*at.RowY
		var sees func(q, k int) bool
		var order []int32
		switch rapid.IntRange(0, 3).Draw(t, "mask") {
		case 1:
			sees = func(q, k int) bool { return k <= q }
		case 2:
			sees = func(q, k int) bool { return (q*7+k*13)%5 != 0 && q/32 != k/32 }
		case 3:
			sees = func(q, k int) bool { return q%3 == k%3 }
			if n == keys {
				for i := range n {
					order = append(order, int32((i*3%n+i*3/n)%n))
				}
				if n%3 == 0 { // i·3 mod n plus the round visits every position once
					order = order[:n]
				} else {
					order = order[:0]
					for i := range n {
						order = append(order, int32(n-1-i))
					}
				}
			}
		}
		var keep []int32
		if rapid.Bool().Draw(t, "keep") {
			for range at.Batch * keys {
				keep = append(keep, int32(a.r.IntN(3)))
			}
		}
		q, kv, gy := a.numbers(at.Batch*at.BatchQ), a.numbers(at.Batch*at.BatchK), a.numbers(at.Batch*at.BatchY)
		y, logSum := a.numbers(at.Batch*at.BatchY), a.numbers(at.Batch*at.Heads*n)
		gq, gkv := a.numbers(at.Batch*at.BatchQ), a.numbers(at.Batch*at.BatchK)
		part, partY := a.numbers(at.Batch*at.BatchQ), at
		partY.First = n / 2
		partY.Queries, partY.BatchY, partY.RowY = min(n-partY.First, 1+n/3), at.BatchQ, at.RowQ
		a.run(func(d kernel.Device, buffer func(int) kernel.Buffer) {
			at, partY, kept := at, partY, kernel.Buffer{}
			if sees != nil {
				at.Mask = maskOf(d, n, keys, order, sees)
				partY.Mask = at.Mask
			}
			if keep != nil {
				kept = d.AllocInts(len(keep))
				d.UploadInts(kept, keep)
			}
			values := func(b kernel.Buffer) kernel.Buffer { return b.Slice(width, b.Len-width) }
			d.Attention(at, buffer(q), buffer(kv), values(buffer(kv)), kept, buffer(y), buffer(logSum))
			d.AttentionGrad(at, buffer(q), buffer(kv), values(buffer(kv)), kept, buffer(y), buffer(logSum), buffer(gy),
				buffer(gq), buffer(gkv), values(buffer(gkv)))
			d.Attention(partY, buffer(q), buffer(kv), values(buffer(kv)), kept, buffer(part), kernel.Buffer{})
		})
		what, tolerance := fmt.Sprintf("%v %+v order %v keep %v", d.Precision(), at, order != nil, keep != nil), 1e-5
		if d.Precision() != kernel.Highest {
			tolerance = 3e-3
		}
		a.compare("y "+what, y, tolerance, 1)
		a.compare("logSum "+what, logSum, tolerance, 1)
		a.compare("gq "+what, gq, tolerance, 4)
		a.compare("gk, gv "+what, gkv, tolerance, 4)
		a.compare("y of some queries "+what, part, tolerance, 1)
	})
}

// TestAttentionInChunks has more keys (for their gradients more queries) than the kernels for single queries treat at a time, and
// no keys.
func TestAttentionInChunks(t *testing.T) {
	setPrecision(t, deviceToTest(t), kernel.Highest)
	const dim, many = 5, 1100
	for _, s := range [][2]int{{2, many}, {many, 2}, {2, 0}} {
		queries, keys := s[0], s[1]
		a := kernel.Attention{
			Batch: 1, Heads: 1, Dim: dim, Queries: queries, Keys: keys, Scale: 0.5, RowQ: dim, RowK: dim, RowV: dim, RowY: dim,
			BatchQ: queries * dim, BatchK: keys * dim, BatchV: keys * dim, BatchY: queries * dim,
		}
		t.Run(fmt.Sprintf("%d of %d", queries, keys), func(t *testing.T) {
			compare(t, 1e-5, func(p *pair) {
				q, k, v, gy, none := p.in(queries*dim, 1, 0), p.in(keys*dim, 1, 0), p.in(keys*dim, 1, 0), p.in(queries*dim, 1, 0), kernel.Buffer{}
				y, logSum := p.out(queries*dim), p.out(queries)
				p.Attention(a, q, k, v, none, y, logSum)
				gq, gk, gv := p.out(queries*dim), p.out(keys*dim), p.out(keys*dim)
				p.AttentionGrad(a, q, k, v, none, y, logSum, gy, gq, gk, gv)
				d, ok := p.Device.(*Device)
				switch { // again, not in tiles
				case ok && queries > keys:
					d.Fill(gk, math.NaN())
					d.Fill(gv, math.NaN())
					d.attendRows("attend_grad_key_rows", keys, a, 2)
				case ok:
					d.Fill(gq, math.NaN())
					d.attendRows("attend_grad_query_rows", queries, a, 1)
				}
			})
		})
	}
}

// TestSequences compares rotary embeddings and gated GELU with the portable device.
func TestSequences(t *testing.T) {
	check(t, func(t *rapid.T, d *Device) {
		a := newArena(t, d)
		defer a.free()
		r := kernel.Rotary{
			Batch: rapid.IntRange(1, 2).Draw(t, "batch"), Tokens: rapid.IntRange(1, 5).Draw(t, "tokens"),
			Groups: rapid.IntRange(1, 3).Draw(t, "groups"), Dim: rapid.IntRange(1, 40).Draw(t, "features"),
			Inverse: rapid.Bool().Draw(t, "inverse"),
		}
		r.Pairs = rapid.IntRange(0, r.Dim/2).Draw(t, "pairs")
		n := r.Batch * r.Tokens * r.Groups * r.Dim
		x, y, cos, sin := a.numbers(n), a.numbers(n), a.numbers(r.Tokens*r.Pairs), a.numbers(r.Tokens*r.Pairs)
		rows, columns := rapid.IntRange(1, 9).Draw(t, "rows"), rapid.IntRange(1, 50).Draw(t, "columns")
		wide, gated, up, down := a.numbers(2*rows*columns), a.numbers(rows*columns), a.numbers(rows*columns), a.numbers(2*rows*columns)
		a.run(func(d kernel.Device, at func(int) kernel.Buffer) {
			d.Rotary(r, at(cos), at(sin), at(x), at(y))
			d.Rotary(r, at(cos), at(sin), at(x), at(x))
			d.GatedGELU(rows, columns, at(wide), at(gated))
			d.GatedGELUGrad(rows, columns, at(wide), at(up), at(down))
		})
		a.compare("Rotary", y, 1e-6, 1)
		a.compare("Rotary in place", x, 1e-6, 1)
		a.compare("GatedGELU", gated, 1e-6, 1)
		a.compare("GatedGELUGrad", down, 1e-6, 1)
	})
}
