package drawn

// pose is the position and attitude of a cat or dog. The origin is in the middle of the head and the unit is half the head's
// width.
type pose struct {
	sitting bool    // the whole animal, or a portrait
	head    point   // middle of the head on the canvas
	unit    float64 // half a head's width, in canvases
	tilt    float64 // of the head, radians
	look    float64 // -1 looks left, 1 right
	side    float64 // -1 or 1: where the tail is
}

func newPose(r dice) pose {
	p := pose{sitting: r.chance(0.5), tilt: r.in(-0.22, 0.22), look: r.in(-1, 1), side: 1}
	if r.chance(0.5) {
		p.side = -1
	}
	if p.sitting {
		p.unit = r.in(0.165, 0.2)
		p.head = point{0.5 - 0.05*p.side + r.in(-0.06, 0.06), 0.93 - 3.25*p.unit - r.in(0, 0.03)}
	} else {
		p.unit = r.in(0.25, 0.32)
		p.head = point{r.in(0.43, 0.57), r.in(0.46, 0.53)}
	}
	return p
}

// body draws in the animal's coordinates.
func (p pose) body(c *canvas, draw func()) {
	c.within(placed(p.head, 0, p.unit*p.side, p.unit), draw)
}

// face draws in the animal's coordinates, rotated with the head about the neck.
func (p pose) face(c *canvas, draw func()) {
	neck := point{p.head.x, p.head.y + 0.6*p.unit}
	m := placed(neck, p.tilt, p.unit, p.unit).after(placed(point{0, -0.6}, 0, 1, 1))
	c.within(m, draw)
}

// turn shifts a part of the face in the direction of the look. near is how far the part protrudes: 0.1 for eyes, 0.3 for the
// tip of the nose.
func (p pose) turn(c *canvas, near float64, draw func()) {
	c.within(placed(point{p.look * near, 0}, 0, 1, 1), draw)
}

// floor is the distance from the middle of the head to the paws of a sitting animal.
const floor = 3.2
