//go:build linux && (amd64 || arm64) && !nocuda

package cuda

import (
	"errors"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// TestAttentionOfManyHeads has more heads and sequences than a grid allows, with a lowered limit, and more products in a batch.
func TestAttentionOfManyHeads(t *testing.T) {
	setPrecision(t, deviceToTest(t), kernel.Highest)
	most := maxGrid
	t.Cleanup(func() { maxGrid = most })
	maxGrid = 2
	const batch, heads, dim, keys = 3, 3, 4, 11
	for _, queries := range []int{3, keys} { // one by one, and in tiles
		a := kernel.Attention{Batch: batch, Heads: heads, Dim: dim, Queries: queries, Keys: keys, Scale: 0.5}
		a.RowQ, a.RowK, a.RowV, a.RowY = heads*dim, heads*dim, heads*dim, heads*dim
		a.BatchQ, a.BatchK, a.BatchV, a.BatchY = queries*a.RowQ, keys*a.RowK, keys*a.RowV, queries*a.RowY
		for _, width := range []int{dim, widestHead + 2} {
			a := a
			if a.Dim = width; width > dim {
				a.RowQ, a.RowK, a.RowV, a.RowY = heads*width, heads*width, heads*width, heads*width
				a.BatchQ, a.BatchK, a.BatchV, a.BatchY = queries*a.RowQ, keys*a.RowK, keys*a.RowV, queries*a.RowY
			}
			compare(t, 5e-5, func(p *pair) {
				q, k, v, gy := p.in(batch*a.BatchQ, 1, 0), p.in(batch*a.BatchK, 1, 0), p.in(batch*a.BatchV, 1, 0), p.in(batch*a.BatchY, 1, 0)
				keep := p.indices(batch*keys, 0, 3)
				y, logSum := p.out(batch*a.BatchY), p.out(batch*heads*queries)
				p.Attention(a, q, k, v, keep, y, logSum)
				p.AttentionGrad(a, q, k, v, keep, y, logSum, gy, p.out(batch*a.BatchQ), p.out(batch*a.BatchK), p.out(batch*a.BatchV))
			})
		}
	}
	for _, rows := range []int{skinny, skinny + 1} {
		compare(t, 1e-5, func(p *pair) {
			g := kernel.Gemm{Batch: batch, M: rows, N: 7, K: 6, LdA: 6, LdB: 7, LdC: 7, StrideA: rows * 6, StrideB: 42, StrideC: rows * 7}
			p.Gemm(g, p.in(batch*g.StrideA, 1, 0), p.in(batch*g.StrideB, 1, 0), kernel.Buffer{}, p.out(batch*g.StrideC))
		})
	}
	for _, masked := range []bool{false, true} {
		attendCached(t, kernel.CachedAttention{Batch: batch, Heads: 1, Dim: 7, Pairs: 2, Capacity: 5, Position: 2}, masked)
	}
}

// TestGridTooLarge launches a grid that no GPU has.
func TestGridTooLarge(t *testing.T) {
	d := deviceToTest(t)
	var err error
	func() {
		defer fault.Catch(&err)
		d.launch(function{"memory", "fill"}, dim3{1, 1, 65536}, dim3{32, 1, 1}, 0, 0, uint32(0), kernel.Buffer{})
	}()
	var failure *fault.DeviceError
	if !errors.As(err, &failure) || !strings.Contains(err.Error(), "65536 blocks") {
		t.Errorf("error %v", err)
	}
}
