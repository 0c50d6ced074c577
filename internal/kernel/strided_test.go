package kernel_test

import (
	"slices"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// walk lists the pairs of places that a copy goes through.
func walk(s kernel.Strided) (pairs [][2]int) {
	total := 1
	for _, n := range s.Shape[:s.Rank] {
		total *= n
	}
	for i := range total {
		to, from, rest := s.OffsetDst, s.OffsetSrc, i
		for dim := s.Rank - 1; dim >= 0; dim-- {
			to += rest % s.Shape[dim] * s.StrideDst[dim]
			from += rest % s.Shape[dim] * s.StrideSrc[dim]
			rest /= s.Shape[dim]
		}
		pairs = append(pairs, [2]int{to, from})
	}
	return pairs
}

// TestSimplified checks that a simplified copy goes through the same places in the same order, in no more dimensions than needed.
func TestSimplified(t *testing.T) {
	for _, c := range []struct {
		s    kernel.Strided
		rank int
	}{
		{kernel.Contiguous(6), 1},
		{kernel.Strided{Rank: 0, OffsetDst: 2, OffsetSrc: 5}, 0},
		{kernel.Strided{Rank: 3, Shape: kernel.Dims{2, 3, 4}, StrideDst: kernel.Dims{12, 4, 1}, StrideSrc: kernel.Dims{12, 4, 1}, OffsetDst: 7}, 1},
		{kernel.Strided{Rank: 3, Shape: kernel.Dims{5, 3, 1}, StrideDst: kernel.Dims{3, 1, 1}, StrideSrc: kernel.Dims{1, 0, 1}}, 2}, // a sum's gradient
		{kernel.Strided{Rank: 3, Shape: kernel.Dims{2, 3, 4}, StrideDst: kernel.Dims{12, 4, 1}, StrideSrc: kernel.Dims{4, 0, 1}}, 3},
		{kernel.Strided{Rank: 3, Shape: kernel.Dims{2, 3, 4}, StrideDst: kernel.Dims{12, 4, 1}, StrideSrc: kernel.Dims{1, 2, 6}}, 3}, // a transposition
		{kernel.Strided{Rank: 3, Shape: kernel.Dims{1, 1, 1}, StrideDst: kernel.Dims{9, 9, 9}, StrideSrc: kernel.Dims{4, 2, 1}, OffsetSrc: 3}, 0},
		{kernel.Strided{Rank: 3, Shape: kernel.Dims{4, 0, 2}, StrideDst: kernel.Dims{0, 2, 1}, StrideSrc: kernel.Dims{0, 2, 1}}, 2},
	} {
		got := c.s.Simplified()
		if got.Rank > c.rank || !slices.Equal(walk(got), walk(c.s)) {
			t.Errorf("%+v is simplified to %+v", c.s, got)
		}
	}
}
