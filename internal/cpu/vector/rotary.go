package vector

import (
	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// rotaryAngles brings the angles of a token to the order of the features that they rotate: [Tokens, width] cosines and sines.
type rotaryAngles struct {
	kernel.Rotary
	cos, sin       []float32
	width          int // features that vectors rotate: all of a group, some by the angle 0, or only those with an angle
	cosines, sines []float32
}

// rotaryJob rotates tokens. All groups of a token, in every sequence, share its angles.
type rotaryJob struct {
	rotaryAngles
	rotate func(groups int, cos, sin, x, y []float32)
	x, y   []float32
}

// Rotary implements kernel.Sequences.
func (d *Device) Rotary(r kernel.Rotary, cos, sin, x, y kernel.Buffer) {
	width := r.Dim
	if !wholeGroups(r) {
		width = 2 * r.Pairs
	}
	d.angles = resize(d.angles, 2*r.Tokens*width)
	angles := rotaryAngles{r, f32(cos), f32(sin), width, d.angles[:r.Tokens*width], d.angles[r.Tokens*width:]}
	run(d, r.Tokens, rowsPerTask(width), &d.jobs.angles, angles)
	run(d, r.Batch*r.Tokens, rowsPerTask(r.Groups*r.Dim), &d.jobs.rotary, rotaryJob{angles, d.simd.Rotate, f32(x), f32(y)})
}

// wholeGroups reports whether all groups of a token are rotated at once. Rotate takes only whole vectors, so others are rotated one by
// one.
func wholeGroups(r kernel.Rotary) bool { return r.Dim%simd.RotaryGroup == 0 }

// of returns the cosines and sines of a token.
func (a *rotaryAngles) of(token int) (c, s []float32) {
	return row(a.cosines, token, a.width), row(a.sines, token, a.width)
}

func (a *rotaryAngles) chunk(lo, hi int) {
	for token := lo; token < hi; token++ {
		c, s := a.of(token)
		for i, sine := range row(a.sin, token, a.Pairs) {
			if a.Inverse {
				sine = -sine
			}
			cosine := a.cos[token*a.Pairs+i]
			c[2*i], c[2*i+1] = cosine, cosine
			s[2*i], s[2*i+1] = -sine, sine
		}
		for i := 2 * a.Pairs; i < a.width; i++ {
			c[i], s[i] = 1, 0
		}
	}
}

func (j *rotaryJob) chunk(lo, hi int) {
	for token := lo; token < hi; token++ {
		c, s := j.of(token % j.Tokens)
		x, y := row(j.x, token, j.Groups*j.Dim), row(j.y, token, j.Groups*j.Dim)
		if wholeGroups(j.Rotary) {
			j.rotate(j.Groups, c, s, x, y)
			continue
		}
		for group := range j.Groups {
			j.rotateGroup(c, s, row(x, group, j.Dim), row(y, group, j.Dim))
		}
	}
}

// rotateGroup rotates a group whose length isn't a multiple of RotaryGroup.
func (j *rotaryJob) rotateGroup(c, s, x, y []float32) {
	whole := j.width / simd.RotaryGroup * simd.RotaryGroup
	j.rotate(1, c[:whole], s[:whole], x[:whole], y[:whole])
	for i := whole; i < j.width; i += 2 {
		x0, x1 := x[i], x[i+1]
		y[i], y[i+1] = x0*c[i]+x1*s[i], x1*c[i+1]+x0*s[i+1]
	}
	copy(y[j.width:], x[j.width:])
}
