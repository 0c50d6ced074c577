package drawn

import "math"

// ellipse is an upright ellipse.
func ellipse(centre point, rx, ry float64) []point { return turned(centre, rx, ry, 0) }

// turned is an ellipse rotated clockwise by an angle.
func turned(centre point, rx, ry, angle float64) []point {
	const n = 40
	m := placed(centre, angle, rx, ry)
	shape := make([]point, n)
	for i := range shape {
		sin, cos := math.Sincos(2 * math.Pi * float64(i) / n)
		shape[i] = m.apply(point{cos, sin})
	}
	return shape
}

// rectangle has corners a and b.
func rectangle(a, b point) []point { return []point{a, {b.x, a.y}, b, {a.x, b.y}} }

// blob is a closed smooth curve through points (a Catmull-Rom spline).
func blob(through ...point) []point {
	const steps = 8
	n := len(through)
	shape := make([]point, 0, n*steps)
	for i := range n {
		p0, p1, p2, p3 := through[(i+n-1)%n], through[i], through[(i+1)%n], through[(i+2)%n]
		for k := range steps {
			shape = append(shape, catmullRom(p0, p1, p2, p3, float64(k)/steps))
		}
	}
	return shape
}

func catmullRom(p0, p1, p2, p3 point, t float64) point {
	f := func(a, b, c, d float64) float64 {
		return b + t/2*(c-a+t*(2*a-5*b+4*c-d+t*(3*(b-c)+d-a)))
	}
	return point{f(p0.x, p1.x, p2.x, p3.x), f(p0.y, p1.y, p2.y, p3.y)}
}

// symmetric adds the mirror image to the right half of an outline, which goes from top to bottom.
func symmetric(right ...point) []point {
	whole := append([]point(nil), right...)
	for i := len(right) - 1; i >= 0; i-- {
		if right[i].x != 0 {
			whole = append(whole, point{-right[i].x, right[i].y})
		}
	}
	return blob(whole...)
}

// spike is a triangle whose sides bulge outwards, such as an ear.
func spike(left, tip, right point, bulge float64) []point {
	const steps = 8
	centre := point{(left.x + tip.x + right.x) / 3, (left.y + tip.y + right.y) / 3}
	var shape []point
	side := func(a, b point) {
		middle := point{(a.x + b.x) / 2, (a.y + b.y) / 2}
		control := point{middle.x + bulge*(middle.x-centre.x), middle.y + bulge*(middle.y-centre.y)}
		for k := range steps {
			t := float64(k) / steps
			shape = append(shape, point{
				(1-t)*(1-t)*a.x + 2*t*(1-t)*control.x + t*t*b.x,
				(1-t)*(1-t)*a.y + 2*t*(1-t)*control.y + t*t*b.y,
			})
		}
	}
	side(left, tip)
	side(tip, right)
	return append(shape, right)
}

// stroke is a smooth line through points with round ends. Its width changes from one end to the other.
func stroke(from, to float64, through ...point) []point {
	const steps = 6
	n := len(through)
	var line []point
	for i := range n - 1 {
		p0, p3 := through[max(i-1, 0)], through[min(i+2, n-1)]
		for k := range steps {
			line = append(line, catmullRom(p0, through[i], through[i+1], p3, float64(k)/steps))
		}
	}
	line = append(line, through[n-1])

	last := len(line) - 1
	direction := func(i int) float64 {
		a, b := line[max(i-1, 0)], line[min(i+1, last)]
		return math.Atan2(b.y-a.y, b.x-a.x)
	}
	var shape []point
	add := func(i int, angle float64) {
		w := (from + (to-from)*float64(i)/float64(last)) / 2
		sin, cos := math.Sincos(angle)
		shape = append(shape, point{line[i].x + w*cos, line[i].y + w*sin})
	}
	const half = math.Pi / 2
	for i := range line {
		add(i, direction(i)-half)
	}
	for k := range 5 { // round the far end …
		add(last, direction(last)-half+math.Pi*float64(k+1)/6)
	}
	for i := last; i >= 0; i-- {
		add(i, direction(i)+half)
	}
	for k := range 5 { // … and the near one
		add(0, direction(0)+half+math.Pi*float64(k+1)/6)
	}
	return shape
}

// mirrored is the mirror image of a shape about the y axis.
func mirrored(shape []point) []point {
	other := make([]point, len(shape))
	for i, p := range shape {
		other[len(shape)-1-i] = point{-p.x, p.y}
	}
	return other
}
