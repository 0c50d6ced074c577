package flows

import (
	"fmt"
	"math"
)

// Overflow is the error of a flow whose numbers leave the range of float32. Splines and clipped affine maps bound what one layer
// does to a row, but many affine layers with large weights can multiply numbers beyond 3·10³⁸.
type Overflow struct {
	What  string  // "the log-density" or "the sum"
	Row   int     // the first with such a number
	Value float64 // NaN or an infinity
}

// Error implements error.
func (e *Overflow) Error() string {
	return fmt.Sprintf("%s of row %d is %v: the flow's weights are so large that its numbers overflow; train it again with a lower learning rate, gradient clipping or weight decay",
		e.What, e.Row+1, e.Value)
}

// CheckFinite returns an [*Overflow] if a number is NaN or infinite; first is the row of numbers[0].
func CheckFinite(what string, first int, numbers []float32) error {
	for i, v := range numbers {
		if v64 := float64(v); math.IsNaN(v64) || math.IsInf(v64, 0) {
			return &Overflow{what, first + i, v64}
		}
	}
	return nil
}
