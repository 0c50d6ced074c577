package drawn

// stance is the position and attitude of a bird. Birds are drawn looking right, with the origin in the middle of the body and
// the canvas's side as the unit.
type stance struct {
	middle point
	scale  float64
	tilt   float64 // radians, clockwise: the bill down
	left   bool    // looks left
}

func newStance(r dice) stance {
	return stance{
		middle: point{0.5 + r.in(-0.04, 0.04), 0.5 + r.in(-0.04, 0.04)},
		scale:  r.in(0.88, 1), tilt: r.in(-0.12, 0.12), left: r.chance(0.5),
	}
}

// within draws in the bird's coordinates, tilted by an angle.
func (s stance) within(c *canvas, tilt float64, draw func()) {
	m := placed(s.middle, 0, s.scale, s.scale)
	if s.left {
		m = placed(s.middle, 0, -s.scale, s.scale)
	}
	c.within(m.after(placed(point{}, tilt, 1, 1)), draw)
}

// eyeRadius is that of the pale ring about the eye.
const eyeRadius = 0.056

// The outlines. They are the same in every bird; MeasureColours relies on it.
var (
	birdTail = blob(point{-0.2, -0.02}, point{-0.33, 0.04}, point{-0.46, 0.1}, point{-0.48, 0.19}, point{-0.38, 0.2}, point{-0.2, 0.16})
	birdBody = blob(
		point{0.15, -0.37}, point{0.26, -0.32}, point{0.305, -0.21}, point{0.27, -0.1}, point{0.265, 0.03}, point{0.19, 0.17}, point{0.03, 0.245},
		point{-0.15, 0.22}, point{-0.28, 0.1}, point{-0.21, -0.05}, point{-0.05, -0.15}, point{0.02, -0.25}, point{0.06, -0.335},
	)
	birdWing = blob(
		point{0.06, -0.1}, point{0.13, 0}, point{0.09, 0.1}, point{-0.06, 0.16}, point{-0.25, 0.2}, point{-0.36, 0.2},
		point{-0.27, 0.07}, point{-0.13, -0.07},
	)
	birdBill = spike(point{0.265, -0.3}, point{0.475, -0.16}, point{0.265, -0.11}, 0.28)
	birdEye  = point{0.195, -0.245}
)

// drawBird draws a bird and its background.
func drawBird(c *canvas, b Bird, r dice) {
	s := newStance(r)
	wing, belly, bill := b.Wing.shade(r), b.Belly.shade(r), b.Bill.shade(r)
	scenery(c, r, s)
	s.plumage(c, wing, belly, bill)
}

// plumage draws a bird without its feet.
func (s stance) plumage(c *canvas, wing, belly, bill color) {
	s.within(c, s.tilt, func() {
		c.fill(birdTail, across(point{-0.2, 0}, point{-0.4, 0.2}, wing.darker(0.12), wing))
		c.fill(birdBody, around(point{0.1, -0.12}, 0.5, belly.lighter(0.06), belly.darker(0.14)))
		c.fill(birdWing, across(point{0, -0.1}, point{-0.1, 0.2}, wing.lighter(0.05), wing.darker(0.08)))
		feathers(c, wing)
		c.fill(birdBill, across(point{0.3, -0.27}, point{0.3, -0.1}, bill.lighter(0.06), bill.darker(0.14)))
		c.fill(stroke(0.014, 0.008, point{0.275, -0.195}, point{0.36, -0.185}, point{0.44, -0.16}), flat(bill.darker(0.45).fade(0.7)))
		c.fill(ellipse(birdEye, eyeRadius, eyeRadius), flat(belly.mix(color{1, 1, 1, 1}, 0.8)))
		c.fill(ellipse(birdEye, 0.042, 0.044), flat(color{0.06, 0.05, 0.06, 1}))
		c.fill(ellipse(point{birdEye.x + 0.013, birdEye.y - 0.017}, 0.014, 0.014), flat(color{1, 1, 1, 1}))
	})
}

// feathers draws lines on the wing.
func feathers(c *canvas, wing color) {
	line := wing.darker(0.3)
	if wing.r+wing.g+wing.b < 0.7 {
		line = wing.lighter(0.2)
	}
	c.clipped(birdWing, func() {
		for _, y := range []float64{0, 0.055} {
			c.fill(stroke(0.014, 0.008, point{0.06, y}, point{-0.1, y + 0.075}, point{-0.3, y + 0.12}), flat(line.fade(0.7)))
		}
	})
}
