package eval

import (
	"cmp"
	"math"
)

// largest returns the index of the first of the largest values.
func largest[T cmp.Ordered](values []T) int {
	best := 0
	for i, v := range values {
		if v > values[best] {
			best = i
		}
	}
	return best
}

// logOf is the logarithm of a probability, bounded so that a single rounded zero doesn't make a mean infinite.
func logOf(p float64) float64 { return math.Log(max(p, 1e-12)) }
