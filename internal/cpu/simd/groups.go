package simd

import (
	"math"

	"github.com/bestiary-ml/bestiary/internal/bfloat16"
)

// BF16Group is the number of numbers in a group of pairs of [Passes.AddRowsBF16]: two of the longest vectors.
const BF16Group = 32

// RoundGroups rounds x, a whole number of groups, to bfloat16 and writes len(x)/2 pairs in the order of [Passes.AddRowsBF16].
func RoundGroups(x, pairs []float32) {
	const half = BF16Group / 2
	for ; len(x) >= BF16Group; x, pairs = x[BF16Group:], pairs[half:] {
		lower, upper, to := x[:half], x[half:BF16Group], pairs[:half]
		for i, v := range lower {
			to[i] = math.Float32frombits(uint32(bfloat16.Bits(upper[i]))<<16 | uint32(bfloat16.Bits(v)))
		}
	}
}
