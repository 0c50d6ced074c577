package drawn

// dog is the appearance of a dog.
type dog struct {
	fur, ear, marks color
	pattern         int
	ears            int
	earLength       float64
	muzzleWidth     float64
	tongue          float64 // how far it hangs out; 0 not at all
	collar          *color
}

const ( // patterns, beside plain and patched of cats
	blaze  = 10 + iota // white down the face, chest and paws
	saddle             // dark back and top of the head, tan below
)

const ( // ears
	hanging = iota
	folded
	short
)

func newDog(r dice) dog {
	k := dog{
		pattern: []int{plain, patched, blaze, saddle}[r.IntN(4)], ears: r.IntN(3), earLength: r.in(0.8, 1.15), muzzleWidth: r.in(0.48, 0.58),
	}
	switch r.IntN(4) {
	case 0: // golden
		k.fur = hsl(r.in(0.085, 0.11), r.in(0.5, 0.7), r.in(0.55, 0.68))
	case 1: // brown
		k.fur = hsl(r.in(0.045, 0.07), r.in(0.4, 0.55), r.in(0.3, 0.42))
	case 2: // cream
		k.fur = hsl(r.in(0.09, 0.12), r.in(0.3, 0.5), r.in(0.78, 0.86))
	default: // slate
		k.fur = hsl(r.in(0.58, 0.64), r.in(0.05, 0.12), r.in(0.28, 0.42))
	}
	k.ear, k.marks = k.fur.darker(0.35), k.fur.darker(0.6)
	switch k.pattern {
	case patched: // white, with patches of the color
		k.marks, k.ear = k.fur.darker(0.15), k.fur.darker(0.25)
		k.fur = color{0.95, 0.93, 0.89, 1}
	case blaze:
		k.marks = color{0.97, 0.95, 0.92, 1}
	case saddle:
		k.fur = hsl(r.in(0.065, 0.09), 0.6, r.in(0.48, 0.58))
		k.marks = hsl(0.06, 0.2, r.in(0.16, 0.24))
		k.ear = k.marks
	}
	if r.chance(0.5) {
		k.tongue = r.in(0.3, 0.5)
	}
	if r.chance(0.55) {
		collar := hsl(r.Float64(), 0.75, 0.45)
		k.collar = &collar
	}
	return k
}

func (k dog) draw(c *canvas, p pose) {
	p.body(c, func() {
		if p.sitting {
			k.drawTail(c)
		}
		k.body(c)
	})
	p.face(c, func() { k.head(c, p) })
}

func (k dog) paws() color {
	if k.pattern == blaze {
		return k.marks
	}
	return k.fur.lighter(0.08)
}

func (k dog) drawTail(c *canvas) {
	tailColor := k.fur
	if k.pattern == saddle || k.pattern == patched {
		tailColor = k.marks
	}
	c.fill(stroke(0.42, 0.2, point{0.8, 2.7}, point{1.45, 2.35}, point{1.75, 1.75}), flat(tailColor.darker(0.08)))
}

func (k dog) body(c *canvas) {
	torso := symmetric(point{0, 0.3}, point{0.68, 0.6}, point{0.92, 1.3}, point{1.08, 2.2}, point{1.12, 2.95}, point{0.6, 3.15}, point{0, 3.12})
	c.fill(torso, round(point{0, 1.9}, 1.3, k.fur))
	c.clipped(torso, func() {
		switch k.pattern {
		case saddle:
			for _, side := range []float64{-1, 1} {
				c.fill(ellipse(point{side * 1.05, 1.6}, 0.5, 1.0), flat(k.marks))
			}
		case patched:
			c.fill(ellipse(point{0.85, 1.9}, 0.55, 0.7), flat(k.marks))
		case blaze:
			c.fill(ellipse(point{0, 1.1}, 0.5, 0.95), flat(k.marks))
		}
	})
	for _, side := range []float64{-1, 1} {
		hind := ellipse(point{side * 0.95, 3.02}, 0.42, 0.2)
		c.fill(hind, round(point{side * 0.95, 3.02}, 0.45, k.paws()))
		leg := stroke(0.5, 0.46, point{side * 0.42, 1.5}, point{side * 0.4, 2.4}, point{side * 0.38, 2.95})
		x := side * 0.4
		c.fill(leg, across(point{x - 0.28, 2}, point{x + 0.28, 2}, k.fur.lighter(0.12), k.fur.darker(0.16)))
		c.fill(ellipse(point{side * 0.4, 3.05}, 0.34, 0.2), round(point{side * 0.4, 3.05}, 0.36, k.paws()))
	}
	shade := color{0.08, 0.03, 0.05, 0.4}
	c.fill(ellipse(point{0, 0.95}, 0.95, 0.5), around(point{0, 0.85}, 0.85, shade, shade.fade(0)))
	if k.collar != nil {
		c.fill(stroke(0.24, 0.24, point{-0.75, 0.85}, point{0, 1.2}, point{0.75, 0.85}), flat(*k.collar))
		c.fill(ellipse(point{0, 1.38}, 0.16, 0.16), round(point{0, 1.38}, 0.17, hsl(0.13, 0.8, 0.6)))
	}
}

func (k dog) head(c *canvas, p pose) {
	skull := symmetric(point{0, -0.9}, point{0.5, -0.82}, point{0.83, -0.4}, point{0.84, 0.1}, point{0.68, 0.62}, point{0.45, 0.95}, point{0, 1.05})
	c.fill(skull, round(point{0, 0}, 1, k.fur))
	c.clipped(skull, func() {
		p.turn(c, 0.12, func() {
			switch k.pattern {
			case blaze:
				c.fill(blob(point{0, -1}, point{0.16, -0.6}, point{0.17, 0}, point{0.6, 0.6}, point{0.3, 1.2}, point{-0.3, 1.2}, point{-0.6, 0.6}, point{-0.17, 0}, point{-0.16, -0.6}), flat(k.marks))
			case patched:
				c.fill(ellipse(point{0.5, -0.3}, 0.46, 0.5), flat(k.marks))
			case saddle:
				c.fill(ellipse(point{0, -0.95}, 0.85, 0.6), flat(k.marks))
			}
		})
	})
	k.drawEars(c, p)
	p.turn(c, 0.13, func() { k.eyes(c, p) })
	p.turn(c, 0.22, func() { k.muzzle(c) })
}

func (k dog) drawEars(c *canvas, p pose) {
	l := k.earLength
	var ear []point
	switch k.ears {
	case hanging:
		ear = blob(point{0.45, -0.82}, point{0.85, -0.8}, point{1.15, -0.3}, point{1.22, -0.2 + 0.6*l}, point{1.0, l}, point{0.78, 0.55 * l}, point{0.72, -0.2})
	case folded:
		ear = blob(point{0.3, -0.8}, point{0.6, -1.2}, point{0.95, -1.05}, point{1.22, -0.45}, point{1.15, -0.12}, point{0.9, -0.35}, point{0.7, -0.55})
	case short:
		ear = blob(point{0.42, -0.84}, point{0.8, -0.86}, point{1.14, -0.55}, point{1.2, -0.1}, point{1.02, 0.12}, point{0.84, -0.05}, point{0.72, -0.4})
	}
	c.within(placed(point{-0.08 * p.look, 0}, 0, 1, 1), func() {
		shade := across(point{0, -1}, point{0, 0.9}, k.ear.lighter(0.12), k.ear.darker(0.12))
		c.fill(ear, shade)
		c.fill(mirrored(ear), shade)
	})
}

func (k dog) eyes(c *canvas, p pose) {
	for _, side := range []float64{-1, 1} {
		at := point{side * 0.38, -0.2}
		if k.pattern == saddle { // tan brows
			c.fill(ellipse(point{at.x, at.y - 0.27}, 0.14, 0.09), flat(k.fur.lighter(0.1)))
		}
		c.fill(ellipse(at, 0.185, 0.195), flat(k.fur.lighter(0.35).fade(0.6)))
		c.fill(ellipse(at, 0.15, 0.165), around(point{at.x, at.y + 0.05}, 0.18, hsl(0.06, 0.55, 0.22), hsl(0.06, 0.4, 0.08)))
		c.fill(ellipse(point{at.x - 0.05, at.y - 0.06}, 0.055, 0.055), flat(color{1, 1, 1, 0.95}))
	}
}

func (k dog) muzzle(c *canvas) {
	pale := k.fur.lighter(0.4)
	if k.pattern == blaze {
		pale = k.marks.lighter(0.3)
	}
	w := k.muzzleWidth
	if k.tongue > 0 {
		pink := hsl(0.97, 0.65, 0.65)
		c.fill(blob(point{-0.17, 0.75}, point{0.17, 0.75}, point{0.19, 0.85 + k.tongue}, point{0, 0.98 + k.tongue}, point{-0.19, 0.85 + k.tongue}), across(point{0, 0.8}, point{0, 1.4}, pink.darker(0.2), pink))
	}
	snout := symmetric(point{0, 0.02}, point{0.3, 0.12}, point{w, 0.5}, point{0.8 * w, 0.82}, point{0, 0.9})
	c.fill(snout, around(point{0, 0.4}, 0.75, pale, pale.darker(0.18)))
	line := flat(color{0.15, 0.08, 0.08, 0.9})
	c.fill(stroke(0.06, 0.06, point{0, 0.35}, point{0, 0.66}), line)
	for _, side := range []float64{-1, 1} {
		c.fill(stroke(0.06, 0.05, point{0, 0.66}, point{side * 0.18, 0.76}, point{side * 0.36, 0.66}), line)
	}
	nose := symmetric(point{0, 0.1}, point{0.2, 0.12}, point{0.25, 0.26}, point{0.12, 0.4}, point{0, 0.44})
	c.fill(nose, flat(color{0.09, 0.06, 0.07, 1}))
	c.fill(ellipse(point{-0.07, 0.19}, 0.09, 0.045), flat(color{1, 1, 1, 0.5}))
}
