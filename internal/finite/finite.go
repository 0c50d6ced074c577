// Package finite finds weights that are NaN or infinite, as a diverged training leaves them, before they are used.
package finite

import (
	"fmt"
	"math"
)

// Check counts values that are not finite. The zero value is ready to use.
type Check struct {
	count int
	first string
}

// Add counts the values of a tensor.
func (c *Check) Add(name string, values []float32) {
	before := c.count
	for _, v := range values {
		if v != v || v > math.MaxFloat32 || v < -math.MaxFloat32 {
			c.count++
		}
	}
	if before == 0 && c.count > 0 {
		c.first = name
	}
}

// Problem names the number of values that are not finite and the first tensor with one, with a remedy. It is "" if all
// are finite.
func (c *Check) Problem() string {
	if c.count == 0 {
		return ""
	}
	return fmt.Sprintf("has %d weights that are NaN or infinite, the first of them in %q; the training diverged, use an earlier checkpoint", c.count, c.first)
}
