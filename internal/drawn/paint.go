package drawn

import "math"

// color is red, green, blue and opacity, 0 to 1, not premultiplied.
type color struct{ r, g, b, a float32 }

// hsl returns a color of a hue (1 is a full turn), saturation and lightness.
func hsl(h, s, l float64) color {
	_, h = math.Modf(h + 2)
	channel := func(n float64) float32 {
		k := math.Mod(n+h*12, 12)
		return float32(l - s*min(l, 1-l)*max(-1, min(k-3, 9-k, 1)))
	}
	return color{channel(0), channel(8), channel(4), 1}
}

// mix interpolates from c (t = 0) to d (t = 1).
func (c color) mix(d color, t float32) color {
	return color{c.r + (d.r-c.r)*t, c.g + (d.g-c.g)*t, c.b + (d.b-c.b)*t, c.a + (d.a-c.a)*t}
}

func (c color) fade(a float32) color { c.a *= a; return c }

func (c color) lighter(t float32) color { return c.mix(color{1, 1, 1, c.a}, t) }
func (c color) darker(t float32) color  { return c.mix(color{0.12, 0.06, 0.05, c.a}, t) } // towards a warm black

// paint is a color or a gradient of two colors.
type paint struct {
	from, to color
	kind     int
	a, b     point   // linear: from at a, to at b; radial: from at a, …
	radius   float64 // … to at this distance from it
}

const (
	solid = iota
	linear
	radial
)

func flat(c color) paint { return paint{from: c} }

func across(a, b point, from, to color) paint {
	return paint{from: from, to: to, kind: linear, a: a, b: b}
}

func around(centre point, radius float64, from, to color) paint {
	return paint{from: from, to: to, kind: radial, a: centre, radius: radius}
}

// round shades a body of one color: lighter at the upper left, darker at the edge.
func round(centre point, radius float64, c color) paint {
	at := point{centre.x - 0.3*radius, centre.y - 0.4*radius}
	return around(at, 1.55*radius, c.lighter(0.14), c.darker(0.22))
}

// shader is a paint in pixel coordinates. The gradient is at t = u·x + v·y + w; for a radial paint t is the length of two such
// coordinates.
type shader struct {
	paint
	u, v, w, u2, v2, w2 float32
}

func (p paint) shader(to affine) shader {
	s := shader{paint: p}
	if p.kind == solid {
		return s
	}
	// The inverse of to, from pixels to the paint's coordinates.
	det := to.a*to.e - to.b*to.d
	inverse := affine{to.e / det, -to.b / det, 0, -to.d / det, to.a / det, 0}
	inverse.c = -(inverse.a*to.c + inverse.b*to.f)
	inverse.f = -(inverse.d*to.c + inverse.e*to.f)
	if p.kind == linear {
		dx, dy := p.b.x-p.a.x, p.b.y-p.a.y
		n := dx*dx + dy*dy
		s.u = float32((inverse.a*dx + inverse.d*dy) / n)
		s.v = float32((inverse.b*dx + inverse.e*dy) / n)
		s.w = float32(((inverse.c-p.a.x)*dx + (inverse.f-p.a.y)*dy) / n)
		return s
	}
	r := p.radius
	s.u, s.v, s.w = float32(inverse.a/r), float32(inverse.b/r), float32((inverse.c-p.a.x)/r)
	s.u2, s.v2, s.w2 = float32(inverse.d/r), float32(inverse.e/r), float32((inverse.f-p.a.y)/r)
	return s
}

func (s *shader) at(x, y float32) color {
	if s.kind == solid {
		return s.from
	}
	t := s.u*x + s.v*y + s.w
	if s.kind == radial {
		t2 := s.u2*x + s.v2*y + s.w2
		t = float32(math.Sqrt(float64(t*t + t2*t2)))
	}
	t = min(max(t, 0), 1)
	return s.from.mix(s.to, t*t*(3-2*t)) // smoothstep has no visible edge
}
