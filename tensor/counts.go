package tensor

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// Counts returns the histogram of a tensor of indices: how often each of 0 … n−1 occurs, as floating-point numbers [n], which are
// exact up to 2²⁴. Negative indices aren't counted.
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
