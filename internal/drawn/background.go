package drawn

// background covers the canvas with a wall and a floor, or with sky and grass.
func background(c *canvas, r dice, p pose) {
	horizon := r.in(0.6, 0.78)
	if r.chance(0.5) {
		outdoors(c, r, horizon)
	} else {
		indoors(c, r, horizon)
	}
	if p.sitting { // a shadow under the animal
		middle := point{p.head.x + 0.2*p.unit*p.side, p.head.y + (floor-0.08)*p.unit}
		dark := color{0.05, 0.04, 0.08, 0.45}
		c.within(placed(middle, 0, 2.1*p.unit, 0.42*p.unit), func() {
			c.fill(ellipse(point{}, 1, 1), around(point{}, 1, dark, dark.fade(0)))
		})
	}
}

func outdoors(c *canvas, r dice, horizon float64) {
	sky := hsl(r.in(0.52, 0.62), r.in(0.45, 0.8), r.in(0.62, 0.78))
	glow := hsl(r.in(0.05, 0.16), 0.8, 0.86)
	c.fill(rectangle(point{0, 0}, point{1, 1}), across(point{0, 0}, point{0, horizon + 0.1}, sky, sky.mix(glow, 0.7)))
	sun := point{r.in(0.05, 0.95), r.in(0.05, 0.25)}
	c.fill(ellipse(sun, 0.3, 0.3), around(sun, 0.3, glow.lighter(0.4), glow.fade(0)))

	grass := hsl(r.in(0.2, 0.36), r.in(0.35, 0.6), r.in(0.36, 0.5))
	slope := r.in(-0.08, 0.08)
	far := grass.mix(sky, 0.35)
	c.fill(hill(horizon-0.09, -slope), across(point{0, horizon - 0.15}, point{0, 1}, far.lighter(0.1), far.darker(0.1)))
	c.fill(hill(horizon, slope), across(point{0, horizon - 0.05}, point{0, 1}, grass.lighter(0.12), grass.darker(0.3)))
}

func hill(y, slope float64) []point {
	return blob(point{-0.3, y + slope}, point{0.5, y - 0.04}, point{1.3, y - slope}, point{1.6, 1.6}, point{-0.6, 1.6})
}

func indoors(c *canvas, r dice, horizon float64) {
	wall := hsl(r.Float64(), r.in(0.2, 0.5), r.in(0.66, 0.84))
	c.fill(rectangle(point{0, 0}, point{1, 1}), around(point{r.in(0.1, 0.9), 0.1}, 1.2, wall.lighter(0.25), wall.darker(0.16)))
	wood := hsl(r.in(0.05, 0.11), r.in(0.3, 0.5), r.in(0.42, 0.6))
	c.fill(rectangle(point{0, horizon}, point{1, 1}), across(point{0, horizon}, point{0, 1}, wood.lighter(0.15), wood.darker(0.2)))
	c.fill(rectangle(point{0, horizon - 0.025}, point{1, horizon}), flat(wall.lighter(0.45)))
	if r.chance(0.6) {
		rug := hsl(r.Float64(), r.in(0.35, 0.6), r.in(0.42, 0.6))
		middle := point{r.in(0.4, 0.6), 0.95}
		c.fill(ellipse(middle, 0.52, 0.15), flat(rug))
		c.fill(ellipse(middle, 0.44, 0.115), flat(rug.lighter(0.3)))
		c.fill(ellipse(middle, 0.4, 0.1), flat(rug))
	}
}
