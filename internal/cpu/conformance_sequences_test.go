package cpu

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/bestiary-ml/bestiary/internal/cpu/cputest"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// randomMask draws a mask of n×n positions.
func randomMask(t *rapid.T, s source, n int) cputest.Mask {
	return cputest.RandomMask(s.Rand, n, rapid.Bool().Draw(t, "places out of order"))
}

func TestConformanceAttention(t *testing.T) {
	check(t, func(t *rapid.T) {
		s := newSource(t)
		a := kernel.Attention{
			Batch: rapid.IntRange(1, 2).Draw(t, "batch"), Heads: rapid.IntRange(1, 3).Draw(t, "heads"),
			Dim: rapid.IntRange(1, 40).Draw(t, "features"), Scale: 0.25,
		}
		n := rapid.IntRange(1, 100).Draw(t, "tokens")
		a.Queries, a.Keys = n, n
		width := a.Heads * a.Dim
		a.RowQ, a.RowK, a.RowV, a.RowY = 3*width, 3*width, 3*width, width+1
		a.BatchQ, a.BatchK, a.BatchV, a.BatchY = n*a.RowQ, n*a.RowK, n*a.RowV, n*a.RowY
		qkv, gy := s.floats(a.Batch*n*a.RowQ).floats, s.floats(a.Batch*n*a.RowY).floats
		var mask *cputest.Mask
		if rapid.Bool().Draw(t, "mask") {
			drawn := randomMask(t, s, n)
			mask = &drawn
		}
		var keep []int32
		if rapid.Bool().Draw(t, "keep") {
			for range a.Batch * n {
				keep = append(keep, int32(s.IntN(4)))
			}
		}
		prepare := func(m *memory) (kernel.Attention, kernel.Buffer) {
			a := a
			if mask != nil {
				a.Mask = mask.On(m.ints)
			}
			if keep == nil {
				return a, kernel.Buffer{}
			}
			return a, m.ints(keep)
		}
		thirds := func(b kernel.Buffer) (q, k, v kernel.Buffer) {
			return b, b.Slice(width, b.Len-width), b.Slice(2*width, b.Len-2*width)
		}
		conform(t, "Attention and its gradient", 2e-4, 2, func(m *memory) {
			a, keep := prepare(m)
			q, k, v := thirds(m.in(qkv))
			y, logSum := m.inOut(gy), m.inOut(make([]float32, a.Batch*a.Heads*n))
			m.Attention(a, q, k, v, keep, y, logSum)
			gq, gk, gv := thirds(m.inOut(make([]float32, len(qkv))))
			m.AttentionGrad(a, q, k, v, keep, y, logSum, m.in(gy), gq, gk, gv)
		})
		conform(t, "Attention of some queries", 2e-4, 2, func(m *memory) {
			a, keep := prepare(m)
			a.First = n / 2
			a.Queries = min(n-a.First, 1+n/3)
			q, k, v := thirds(m.in(qkv))
			m.Attention(a, q, k, v, keep, m.inOut(gy), kernel.Buffer{})
		})
	})
}

// TestAttentionNaN: a query or key that is no number reaches those that see it and nobody else.
func TestAttentionNaN(t *testing.T) {
	const n, dim = 40, 8
	check(t, func(t *rapid.T) {
		s := newSource(t)
		qkv := s.floats(n * 3 * dim).floats
		qkv[s.IntN(n)*3*dim+s.IntN(2*dim)] = cputest.NaN
		mask := randomMask(t, s, n)
		conform(t, "Attention with NaN", 2e-4, 2, func(m *memory) {
			a := kernel.Attention{
				Batch: 1, Heads: 1, Dim: dim, Queries: n, Keys: n, Scale: 1,
				RowQ: 3 * dim, RowK: 3 * dim, RowV: 3 * dim, RowY: dim, Mask: mask.On(m.ints),
			}
			x := m.in(qkv)
			m.Attention(a, x, x.Slice(dim, x.Len-dim), x.Slice(2*dim, x.Len-2*dim), kernel.Buffer{}, m.out(n*dim), kernel.Buffer{})
		})
	})
}

func TestConformanceSequences(t *testing.T) {
	check(t, func(t *rapid.T) {
		r := kernel.Rotary{
			Batch: rapid.IntRange(1, 2).Draw(t, "batch"), Tokens: rapid.IntRange(1, 5).Draw(t, "tokens"),
			Groups: rapid.IntRange(1, 3).Draw(t, "groups"), Dim: rapid.IntRange(1, 40).Draw(t, "features"),
			Inverse: rapid.Bool().Draw(t, "inverse"),
		}
		r.Pairs = rapid.IntRange(0, r.Dim/2).Draw(t, "pairs")
		s, n := newSource(t), r.Batch*r.Tokens*r.Groups*r.Dim
		x, cos, sin := s.floats(n).floats, s.floats(r.Tokens*r.Pairs).floats, s.floats(r.Tokens*r.Pairs).floats
		inPlace := rapid.Bool().Draw(t, "in place")
		conform(t, "Rotary", 1e-5, 10, func(m *memory) {
			in := m.inOut(x)
			out := in
			if !inPlace {
				out = m.out(n)
			}
			m.Rotary(r, m.in(cos), m.in(sin), in, out)
		})
		rows, half := rapid.IntRange(0, 5).Draw(t, "rows"), rapid.IntRange(1, 70).Draw(t, "n")
		pairs, gy := numbers(t, rows*2*half), s.floats(rows*half).floats
		for i, v := range pairs {
			if v-v != 0 || v > 1e18 || v < -1e18 { // limits that nobody relies on
				pairs[i] = 0.5
			}
		}
		conform(t, "GatedGELU", 1e-5, 10, func(m *memory) {
			m.GatedGELU(rows, half, m.in(pairs), m.out(rows*half))
			m.GatedGELUGrad(rows, half, m.in(pairs), m.in(gy), m.out(rows*2*half))
		})
		labels, factors := s.labels(rows, half).ints, s.floats(rows).floats
		conform(t, "CrossEntropyGrad in place", 1e-5, 40, func(m *memory) {
			logits := m.inOut(gy)
			m.CrossEntropyGrad(rows, half, logits, m.ints(labels), m.in(factors), logits)
		})
	})
}
