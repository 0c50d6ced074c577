package drawn

// scenery covers the canvas with air, and a branch or ground under the bird's feet. Its colours are pale, unlike those of birds.
func scenery(c *canvas, r dice, s stance) {
	var air color
	switch r.IntN(3) {
	case 0: // sky
		air = hsl(r.in(0.53, 0.6), r.in(0.3, 0.42), r.in(0.68, 0.75))
	case 1: // leaves
		air = hsl(r.in(0.24, 0.33), r.in(0.18, 0.28), r.in(0.64, 0.71))
	default: // sand
		air = hsl(r.in(0.08, 0.12), r.in(0.28, 0.4), r.in(0.67, 0.74))
	}
	c.fill(rectangle(point{0, 0}, point{1, 1}), across(point{0, 0}, point{0.2, 1}, air.lighter(0.1), air.darker(0.08)))
	for range 3 { // clouds, or leaves out of focus
		at, size := point{r.in(0, 1), r.in(0, 0.8)}, r.in(0.12, 0.25)
		c.fill(ellipse(at, 1.3*size, size), around(at, size, air.lighter(0.3), air.lighter(0.3).fade(0)))
	}
	twig := hsl(r.in(0.06, 0.1), r.in(0.12, 0.2), r.in(0.42, 0.5))
	feet := s.middle.y + 0.345*s.scale
	if r.chance(0.6) {
		slope := r.in(-0.04, 0.04)
		branch := stroke(0.055, 0.045, point{-0.1, feet + 0.02 - slope}, point{s.middle.x, feet + 0.02}, point{1.1, feet + 0.02 + slope})
		c.fill(branch, across(point{0, feet}, point{0, feet + 0.05}, twig.lighter(0.15), twig.darker(0.15)))
		leaf := hsl(r.in(0.24, 0.32), 0.22, r.in(0.48, 0.56))
		x := r.in(0.05, 0.95)
		c.fill(turned(point{x, feet + 0.075}, 0.07, 0.03, r.in(0.3, 1.2)), flat(leaf))
	} else {
		ground := hsl(r.in(0.09, 0.2), r.in(0.15, 0.25), r.in(0.55, 0.62))
		c.fill(hill(feet, r.in(-0.03, 0.03)), across(point{0, feet - 0.05}, point{0, 1}, ground.lighter(0.12), ground.darker(0.15)))
		shadow := ground.darker(0.5)
		at := point{s.middle.x, feet + 0.03}
		c.fill(ellipse(at, 0.25, 0.04), around(at, 0.25, shadow, shadow.fade(0)))
	}
	s.feet(c, twig.darker(0.25))
}

// feet draws the legs and feet of a bird.
func (s stance) feet(c *canvas, skin color) {
	s.within(c, 0, func() {
		for _, x := range []float64{-0.05, 0.06} {
			c.fill(stroke(0.026, 0.022, point{x, 0.18}, point{x + 0.01, 0.35}), flat(skin))
			c.fill(stroke(0.024, 0.018, point{x - 0.02, 0.355}, point{x + 0.05, 0.355}), flat(skin))
		}
	})
}
