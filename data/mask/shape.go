package mask

import "math"

// Rectangle returns the mask of a box.
func Rectangle(x0, y0, x1, y1 float64) *Mask {
	return &Mask{Polygons: []Polygon{{{x0, y0}, {x1, y0}, {x1, y1}, {x0, y1}}}}
}

// Ellipse returns the mask of an ellipse with its centre at x, y and half axes a and b, in pixels. The axis a is turned by an
// angle, in radians, from the direction of x to that of y. It is a polygon that is within 0.1 pixels of the ellipse, if that needs
// no more than 4,096 corners.
func Ellipse(x, y, a, b, angle float64) *Mask {
	n := 4 * int(min(max(math.Ceil(math.Pi/4*math.Sqrt(5*max(a, b, 0))), 4), 1024)) // the ends of the axes are corners
	p := make(Polygon, n)
	sin, cos := math.Sincos(angle)
	for i := range p {
		v, u := math.Sincos(2 * math.Pi * float64(i) / float64(n))
		u, v = a*u, b*v
		p[i] = Point{x + u*cos - v*sin, y + u*sin + v*cos}
	}
	return &Mask{Polygons: []Polygon{p}}
}
