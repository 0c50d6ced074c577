package tensor

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// Draw says how codes are drawn from logits.
type Draw struct {
	Temperature float64 // divides the logits; 0 takes the first of the largest
	TopK        int     // only among so many, 0: all
	Twins       bool    // see Guidance
	Guidance    float64 // the second half of the rows are what is predicted without a caption, and this says how far to go from there
}

// What Tensor.Draw gives instead of a code: see package kernel.
const (
	DrawnNaN      = kernel.DrawnNaN
	DrawnInfinite = kernel.DrawnInfinite
	DrawnNone     = kernel.DrawnNone
)

// Draws reports whether codes can be drawn on d.
func (d *Device) Draws() bool {
	_, ok := d.kernels.(kernel.Decoding)
	return ok
}

// Draw draws a code for each row of logits t [rows, …, V] or, with Twins, for each of their first half, and sets codes, ints with
// one for each row, where twins get the same. uniform, ints, has two words for each draw, the higher first: a number below 2⁵³ that
// stands for itself times 2⁻⁵³. The logits are lost. It needs a device that Draws.
func (t *Tensor) Draw(how Draw, uniform, codes *Tensor) {
	n := t.Dim(-1)
	rows := t.Len() / max(1, n)
	d := kernel.Draw{Pictures: rows, Codes: n, Twins: how.Twins, Guidance: how.Guidance, Temperature: how.Temperature, TopK: how.TopK}
	if how.Twins {
		d.Pictures /= 2
	}
	if !uniform.ints || !codes.ints || codes.Len() != rows || uniform.Len() != 2*d.Pictures || how.Twins && rows%2 != 0 {
		panic(fmt.Sprintf("tensor: Draw from %v with %v for %v", t, uniform, codes))
	}
	t.kernels().(kernel.Decoding).Draw(d, t.data, uniform.data, codes.data)
}

// Entries views entries [from, to) of the first dimension of t, in t's storage. No gradient flows.
func (t *Tensor) Entries(from, to int) *Tensor {
	shape := t.dims
	inner := count(shape[1:t.rank])
	shape[0] = to - from
	v := t.device.wrap(t.data.Slice(from*inner, (to-from)*inner), shape[:t.rank])
	v.ints = t.ints
	return v
}
