package tensor

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// Counts tells how often each of the numbers from 0 to n−1 occurs among indices, as n floating-point numbers, which are exact
// up to 2²⁴. Negative indices aren't counted.
func (t *Tensor) Counts(n int) *Tensor {
	if !t.ints || n < 1 {
		panic(fmt.Sprintf("tensor: Counts of %d numbers in %v", n, t))
	}
	d := t.device
	ones, y := d.take(t.Len()), d.empty(n)
	d.kernels.Fill(ones, 1)
	d.kernels.ScatterAdd(kernel.Span{Outer: 1, N: n, Inner: 1}, ones, t.data, y.data)
	d.give(ones)
	return y
}
