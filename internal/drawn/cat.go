package drawn

// cat is the appearance of a cat.
type cat struct {
	fur, marks  color   // coat, and stripes, points or patches on it
	white       float64 // 0 none, 1 muzzle, chest and paws
	pattern     int
	iris        color
	pupil       float64 // half its width
	ears        float64 // length
	inner, nose color
	collar      *color
	tail        float64 // how far its tip curls in
}

const (
	plain   = iota
	tabby   // stripes
	points  // dark face, ears, paws and tail
	patched // two large patches
)

func newCat(r dice) cat {
	k := cat{
		pattern: r.IntN(4), pupil: r.in(0.05, 0.1), ears: r.in(0.9, 1.2), tail: r.in(-0.5, 0.5),
		inner: hsl(0.98, 0.5, 0.75), nose: hsl(0.98, 0.5, r.in(0.5, 0.68)),
		iris: hsl([]float64{0.14, 0.25, 0.33, 0.54}[r.IntN(4)]+r.in(-0.02, 0.02), 0.75, r.in(0.5, 0.62)),
	}
	if r.chance(0.45) && k.pattern != points {
		k.white = 1
	}
	switch r.IntN(4) {
	case 0: // ginger
		k.fur = hsl(r.in(0.065, 0.09), r.in(0.65, 0.85), r.in(0.52, 0.62))
	case 1: // grey, bluish
		k.fur = hsl(r.in(0.55, 0.66), r.in(0.05, 0.16), r.in(0.45, 0.65))
	case 2: // brown
		k.fur = hsl(r.in(0.06, 0.09), r.in(0.25, 0.4), r.in(0.38, 0.52))
	default: // black
		k.fur = hsl(r.in(0.6, 0.75), 0.08, r.in(0.18, 0.25))
	}
	k.marks = k.fur.darker(0.5)
	switch k.pattern {
	case points:
		k.fur = hsl(0.1, 0.45, r.in(0.8, 0.88))
		k.marks = hsl(0.06, 0.3, r.in(0.2, 0.32))
		k.iris = hsl(0.57, 0.8, 0.6)
	case patched:
		k.marks = hsl(r.in(0.06, 0.085), 0.75, 0.52)
		if k.fur.r > 0.6 {
			k.marks = hsl(0.06, 0.2, 0.25)
		}
	}
	if r.chance(0.3) {
		collar := hsl(r.Float64(), 0.7, 0.45)
		k.collar = &collar
	}
	return k
}

func (k cat) draw(c *canvas, p pose) {
	p.body(c, func() {
		if p.sitting { // in a portrait only the tip would be visible, detached
			k.drawTail(c)
		}
		k.body(c)
	})
	p.face(c, func() { k.head(c, p) })
}

// paws returns the color of the paws.
func (k cat) paws() color {
	switch {
	case k.white > 0:
		return color{0.97, 0.95, 0.92, 1}
	case k.pattern == points:
		return k.marks
	}
	return k.fur.lighter(0.06)
}

func (k cat) drawTail(c *canvas) {
	tail := []point{{0.7, 2.9}, {1.55, 3.0}, {2.0, 2.4}, {1.85, 1.7}, {1.95 + 0.5*k.tail, 1.15}}
	tailColor := k.fur.darker(0.1)
	if k.pattern == points {
		tailColor = k.marks
	}
	shape := stroke(0.5, 0.38, tail...)
	c.fill(shape, across(point{1, 3}, point{2, 1}, tailColor.darker(0.15), tailColor.lighter(0.08)))
	if k.pattern == tabby {
		c.clipped(shape, func() {
			for _, y := range []float64{2.3, 1.9, 1.5} {
				c.fill(stroke(0.17, 0.17, point{1.4, y}, point{2.5, y}), flat(k.marks.fade(0.8)))
			}
		})
	}
}

func (k cat) body(c *canvas) {
	torso := symmetric(point{0, 0.3}, point{0.55, 0.55}, point{0.8, 1.4}, point{1.12, 2.3}, point{1.05, 3.0}, point{0.6, 3.15}, point{0, 3.12})
	c.fill(torso, round(point{0, 2}, 1.3, k.fur))
	haunch := ellipse(point{0.85, 2.72}, 0.42, 0.42)
	c.fill(haunch, around(point{0.8, 2.55}, 0.6, k.fur.lighter(0.05), k.fur.fade(0)))
	c.fill(mirrored(haunch), around(point{-0.8, 2.55}, 0.6, k.fur.lighter(0.05), k.fur.fade(0)))
	c.clipped(torso, func() {
		switch k.pattern {
		case tabby:
			for _, y := range []float64{1.35, 1.8, 2.25} {
				s := stroke(0.16, 0.04, point{1.25, y + 0.2}, point{0.85, y + 0.05}, point{0.5, y + 0.1})
				c.fill(s, flat(k.marks.fade(0.8)))
				c.fill(mirrored(s), flat(k.marks.fade(0.8)))
			}
		case patched:
			c.fill(ellipse(point{0.8, 2.2}, 0.6, 0.75), flat(k.marks))
		}
		if k.white > 0 {
			c.fill(ellipse(point{0, 1.2}, 0.42, 0.9), around(point{0, 1.2}, 0.95, k.paws(), k.paws().darker(0.1)))
		}
	})
	for _, side := range []float64{-1, 1} {
		hind := ellipse(point{side * 0.88, 3.05}, 0.36, 0.17)
		c.fill(hind, round(point{side * 0.88, 3.05}, 0.4, k.paws()))
		leg := stroke(0.44, 0.38, point{side * 0.3, 1.7}, point{side * 0.28, 2.5}, point{side * 0.27, 3.0})
		c.fill(leg, across(point{side*0.27 - 0.25, 2}, point{side*0.27 + 0.25, 2}, k.fur.lighter(0.12), k.fur.darker(0.14)))
		paw := ellipse(point{side * 0.28, 3.06}, 0.27, 0.17)
		c.fill(paw, round(point{side * 0.28, 3.06}, 0.3, k.paws()))
	}
	shade := color{0.08, 0.03, 0.05, 0.4}
	c.fill(ellipse(point{0, 0.85}, 0.95, 0.5), around(point{0, 0.75}, 0.85, shade, shade.fade(0)))
	if k.collar != nil {
		c.fill(stroke(0.2, 0.2, point{-0.66, 0.8}, point{0, 1.06}, point{0.66, 0.8}), flat(*k.collar))
		bell := ellipse(point{0, 1.18}, 0.15, 0.15)
		c.fill(bell, round(point{0, 1.18}, 0.16, hsl(0.13, 0.85, 0.58)))
	}
}

func (k cat) head(c *canvas, p pose) {
	earColor := k.fur
	if k.pattern == points {
		earColor = k.marks
	}
	for _, side := range []float64{-1, 1} {
		shift := -0.08 * p.look
		base, tip, outer := point{side*0.12 + shift, -0.62}, point{side*0.78 + shift, -0.35 - k.ears}, point{side*0.98 + shift, -0.1}
		c.fill(spike(base, tip, outer, 0.25), across(tip, point{side * 0.5, -0.4}, earColor.darker(0.15), earColor.lighter(0.05)))
		in := func(q point) point { // move a point towards the middle of the ear
			return point{q.x + 0.36*(side*0.64+shift-q.x), q.y + 0.36*(-0.45-q.y)}
		}
		c.fill(spike(in(base), in(tip), in(outer), 0.2), across(tip, point{side * 0.5, -0.3}, k.inner, k.inner.darker(0.35)))
	}

	skull := symmetric(point{0, -0.76}, point{0.45, -0.72}, point{0.86, -0.35}, point{1.0, 0.15}, point{1.06, 0.42}, point{0.7, 0.72}, point{0, 0.86})
	c.fill(skull, round(point{0, 0}, 1, k.fur))
	c.clipped(skull, func() { p.turn(c, 0.12, func() { k.markings(c) }) })
	p.turn(c, 0.14, func() { k.eyes(c, p) })
	p.turn(c, 0.2, func() { k.muzzle(c) })
}

func (k cat) markings(c *canvas) {
	dark := flat(k.marks.fade(0.85))
	switch k.pattern {
	case tabby:
		c.fill(stroke(0.13, 0.07, point{0, -0.85}, point{0, -0.38}), dark)
		for _, side := range []float64{-1, 1} {
			c.fill(stroke(0.13, 0.06, point{side * 0.3, -0.85}, point{side * 0.24, -0.42}), dark)
			c.fill(stroke(0.11, 0.04, point{side * 1.1, 0.08}, point{side * 0.72, 0.14}), dark)
			c.fill(stroke(0.11, 0.04, point{side * 1.1, 0.36}, point{side * 0.74, 0.34}), dark)
		}
	case points:
		c.fill(ellipse(point{0, 0.3}, 0.72, 0.66), around(point{0, 0.35}, 0.72, k.marks, k.marks.fade(0)))
	case patched:
		c.fill(ellipse(point{0.62, -0.35}, 0.55, 0.6), flat(k.marks))
	}
	if k.white > 0 {
		white := k.paws()
		c.fill(blob(point{0, -0.5}, point{0.14, 0.05}, point{0.6, 0.45}, point{0.5, 1}, point{-0.5, 1}, point{-0.6, 0.45}, point{-0.14, 0.05}), flat(white))
	}
}

func (k cat) eyes(c *canvas, p pose) {
	for _, side := range []float64{-1, 1} {
		at := point{side * 0.42, -0.02}
		slant := side * -0.25
		c.fill(turned(at, 0.3, 0.26, slant), flat(color{0.1, 0.06, 0.06, 1}))
		eye := turned(at, 0.255, 0.22, slant)
		c.fill(eye, across(point{0, -0.25}, point{0, 0.2}, k.iris.darker(0.25), k.iris.lighter(0.25)))
		c.clipped(eye, func() {
			c.fill(ellipse(point{at.x + 0.05*p.look, at.y}, k.pupil, 0.21), flat(color{0.04, 0.03, 0.05, 1}))
		})
		c.fill(ellipse(point{at.x - 0.08, at.y - 0.1}, 0.06, 0.06), flat(color{1, 1, 1, 0.95}))
	}
}

func (k cat) muzzle(c *canvas) {
	pale := k.fur.lighter(0.3)
	if k.white > 0 {
		pale = color{1, 0.99, 0.97, 1}
	} else if k.pattern == points {
		pale = k.marks.lighter(0.15)
	}
	for _, side := range []float64{-1, 1} {
		c.fill(ellipse(point{side * 0.2, 0.46}, 0.27, 0.22), around(point{side * 0.2, 0.42}, 0.3, pale, pale.fade(0.75)))
	}
	line := flat(color{0.2, 0.1, 0.1, 0.85})
	for _, side := range []float64{-1, 1} {
		c.fill(stroke(0.06, 0.05, point{0, 0.4}, point{side * 0.05, 0.52}, point{side * 0.18, 0.56}, point{side * 0.28, 0.5}), line)
	}
	c.fill(spike(point{-0.14, 0.25}, point{0, 0.42}, point{0.14, 0.25}, 0.4), flat(k.nose))
	whisker := flat(color{1, 1, 1, 0.8})
	if k.fur.r+k.fur.g > 1.5 {
		whisker = flat(color{0.25, 0.2, 0.2, 0.7})
	}
	for _, side := range []float64{-1, 1} {
		for i := range 3 {
			y := float64(i) - 1
			c.fill(stroke(0.05, 0.03, point{side * 0.42, 0.45 + 0.06*y}, point{side * 0.9, 0.42 + 0.14*y}, point{side * 1.35, 0.46 + 0.26*y}), whisker)
		}
	}
}
