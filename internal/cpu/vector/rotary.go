package vector

import (
	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// mostRotated is the largest number of features of a group that are rotated by vectors: a token's table is on the stack.
const mostRotated = 256

type rotaryJob struct {
	kernel.Rotary
	rotate         func(cos, sin, x, y []float32)
	cos, sin, x, y []float32
}

// Rotary implements kernel.Sequences.
func (d *Device) Rotary(r kernel.Rotary, cos, sin, x, y kernel.Buffer) {
	if 2*r.Pairs > mostRotated {
		d.Device.Rotary(r, cos, sin, x, y)
		return
	}
	run(d, r.Batch*r.Tokens, rowsPerTask(r.Groups*r.Dim), &d.jobs.rotary, rotaryJob{r, d.simd.Rotate, f32(cos), f32(sin), f32(x), f32(y)})
}

// chunk rotates tokens. The groups of a token share its angles, so these are brought to the order of the features once.
func (j *rotaryJob) chunk(lo, hi int) {
	var cosines, sines [mostRotated]float32
	features := 2 * j.Pairs
	whole := features / simd.RotaryGroup * simd.RotaryGroup
	c, s := cosines[:features], sines[:features]
	for token := lo; token < hi; token++ {
		angles := token % j.Tokens * j.Pairs
		for i, sine := range j.sin[angles:][:j.Pairs] {
			if j.Inverse {
				sine = -sine
			}
			c[2*i], c[2*i+1] = j.cos[angles+i], j.cos[angles+i]
			s[2*i], s[2*i+1] = -sine, sine
		}
		for group := range j.Groups {
			at := (token*j.Groups + group) * j.Dim
			x, y := j.x[at:][:j.Dim], j.y[at:][:j.Dim]
			j.rotate(c[:whole], s[:whole], x[:whole], y[:whole])
			for i := whole; i < features; i += 2 {
				x0, x1 := x[i], x[i+1]
				y[i], y[i+1] = x0*c[i]+x1*s[i], x1*c[i+1]+x0*s[i+1]
			}
			copy(y[features:], x[features:])
		}
	}
}
