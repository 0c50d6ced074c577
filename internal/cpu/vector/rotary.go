package vector

import (
	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// rotaryAngles brings the angles of a token to the order of the features that they rotate: [Tokens, 2·Pairs] cosines and sines.
type rotaryAngles struct {
	kernel.Rotary
	cos, sin       []float32
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
	features := 2 * r.Pairs
	d.angles = resize(d.angles, 2*r.Tokens*features)
	angles := rotaryAngles{r, f32(cos), f32(sin), d.angles[:r.Tokens*features], d.angles[r.Tokens*features:]}
	run(d, r.Tokens, rowsPerTask(features), &d.jobs.angles, angles)
	run(d, r.Batch*r.Tokens, rowsPerTask(r.Groups*r.Dim), &d.jobs.rotary, rotaryJob{angles, d.simd.Rotate, f32(x), f32(y)})
}

// of returns the cosines and sines of a token.
func (a *rotaryAngles) of(token int) (c, s []float32) {
	return row(a.cosines, token, 2*a.Pairs), row(a.sines, token, 2*a.Pairs)
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
	}
}

func (j *rotaryJob) chunk(lo, hi int) {
	features := 2 * j.Pairs
	whole := features / simd.RotaryGroup * simd.RotaryGroup
	for token := lo; token < hi; token++ {
		c, s := j.of(token % j.Tokens)
		if whole == j.Dim {
			j.rotate(j.Groups, c, s, row(j.x, token, j.Groups*j.Dim), row(j.y, token, j.Groups*j.Dim))
			continue
		}
		for group := range j.Groups {
			x, y := row(j.x, token*j.Groups+group, j.Dim), row(j.y, token*j.Groups+group, j.Dim)
			j.rotate(1, c[:whole], s[:whole], x[:whole], y[:whole])
			for i := whole; i < features; i += 2 {
				x0, x1 := x[i], x[i+1]
				y[i], y[i+1] = x0*c[i]+x1*s[i], x1*c[i+1]+x0*s[i+1]
			}
			copy(y[features:], x[features:])
		}
	}
}
