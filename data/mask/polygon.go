package mask

import (
	"fmt"
	"math"
	"slices"
)

// Point is a place in a picture, in pixels.
type Point struct{ X, Y float64 }

// Polygon is a closed polygon: the last point is joined to the first. Where it covers itself, the even-odd rule says what is
// within.
type Polygon []Point

// Limits of a polygon.
const (
	maxPoints     = 1 << 16 // of a polygon
	maxCoordinate = 1 << 20 // pixels
	maxBoundary   = 1 << 26 // steps along the boundary, of a fifth of a pixel
)

// upsample is the number of steps of the boundary to a pixel, as in pycocotools.
const upsample = 5

// Check returns an error unless the polygon has an inside that can be computed: it has 3 to 65,536 points, all of them finite and
// within 2²⁰ pixels.
func (p Polygon) Check() error {
	switch {
	case len(p) < 3:
		return fmt.Errorf("the polygon has %d points; give three or more", len(p))
	case len(p) > maxPoints:
		return fmt.Errorf("the polygon has %d points; simplify it to at most %d", len(p), maxPoints)
	}
	for _, q := range p {
		if !(math.Abs(q.X) <= maxCoordinate && math.Abs(q.Y) <= maxCoordinate) { // also NaN
			return fmt.Errorf("the point %v, %v of the polygon is not within a picture; correct it", q.X, q.Y)
		}
	}
	return nil
}

// Extent returns the smallest box around the polygon; it is empty without points.
func (p Polygon) Extent() (x0, y0, x1, y1 float64) {
	if len(p) == 0 {
		return 0, 0, 0, 0
	}
	x0, y0, x1, y1 = p[0].X, p[0].Y, p[0].X, p[0].Y
	for _, q := range p[1:] {
		x0, y0, x1, y1 = min(x0, q.X), min(y0, q.Y), max(x1, q.X), max(y1, q.Y)
	}
	return x0, y0, x1, y1
}

// RLE returns the pixels within the polygon in a picture of width×height pixels, the same as pycocotools' frPyObjects. The
// polygon may reach beyond the picture.
//
// The boundary is walked in steps of a fifth of a pixel. Where it passes the middle of a column, pixels begin or end.
func (p Polygon) RLE(width, height int) (RLE, error) {
	if err := checkSize(width, height); err != nil {
		return RLE{}, err
	}
	if err := p.Check(); err != nil {
		return RLE{}, err
	}
	corners := make([][2]int, len(p)+1)
	for i, q := range p {
		corners[i] = [2]int{fine(q.X), fine(q.Y)}
	}
	corners[len(p)] = corners[0]
	steps := 0
	for i := range p {
		steps += max(distance(corners[i][0], corners[i+1][0]), distance(corners[i][1], corners[i+1][1])) + 1
	}
	if steps > maxBoundary {
		return RLE{}, fmt.Errorf("the polygon has a boundary of more than %d pixels; simplify it", maxBoundary/upsample)
	}
	var changes []uint32 // pixels, column after column, from which on the mask changes
	last, begun := [2]int{}, false
	for i := range p {
		walk(corners[i], corners[i+1], func(at [2]int) {
			if begun && at[0] != last[0] {
				if x, y, ok := crossing(last, at, width, height); ok {
					changes = append(changes, uint32(x*height+y))
				}
			}
			last, begun = at, true
		})
	}
	slices.Sort(changes)
	b := newBuilder()
	at, set := uint32(0), false
	for _, change := range append(changes, uint32(width*height)) {
		b.run(set, change-at)
		at, set = change, !set
	}
	return RLE{width, height, b.counts}, nil
}

// fine returns a coordinate in steps of the boundary. It is rounded towards zero after half a step is added, also below zero.
func fine(v float64) int { return int(float64(upsample*v) + 0.5) }

func distance(a, b int) int { return max(a-b, b-a) }

// walk yields the steps from a corner to the next, with both. The products are rounded before the sums, so that processors which
// can do both at once have the same steps.
func walk(from, to [2]int, yield func(at [2]int)) {
	dx, dy := distance(from[0], to[0]), distance(from[1], to[1])
	along := 0 // the axis in which steps are whole
	if dx < dy {
		along = 1
	}
	n := max(dx, dy)
	if n == 0 {
		yield(from)
		return
	}
	across := 1 - along
	start, end, flip := from, to, from[along] > to[along]
	if flip {
		start, end = to, from
	}
	slope := float64(end[across]-start[across]) / float64(n)
	for d := range n + 1 {
		t := d
		if flip {
			t = n - d
		}
		var at [2]int
		at[along] = start[along] + t
		at[across] = int(float64(start[across]) + float64(slope*float64(t)) + 0.5)
		yield(at)
	}
}

// crossing returns the pixel at which a step in x passes the middle of a column; ok is false if it passes none.
func crossing(from, to [2]int, width, height int) (x, y int, ok bool) {
	left := min(from[0], to[0])
	if to[0] > from[0] {
		left = to[0] - 1
	}
	if left < 0 || left%upsample != upsample/2 || left/upsample >= width {
		return 0, 0, false
	}
	below := (float64(min(from[1], to[1]))+0.5)/upsample - 0.5
	return left / upsample, int(math.Ceil(min(max(below, 0), float64(height)))), true
}
