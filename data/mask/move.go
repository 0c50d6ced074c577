package mask

import (
	"math"

	"github.com/bestiary-ml/bestiary/data"
)

// Move returns the mask after a transform of its picture; nil if nothing of it is left. Polygons are moved and clipped; a pixel of
// runs is that of the picture in which its centre was.
func (m *Mask) Move(at data.Map) *Mask {
	if m.Runs != nil {
		runs := m.Runs.move(at)
		if runs.Area() == 0 {
			return nil
		}
		return &Mask{Runs: &runs}
	}
	moved := &Mask{}
	for _, p := range m.Polygons {
		q := make(Polygon, len(p))
		for i, corner := range p {
			x, y, _, _ := at.Box(corner.X, corner.Y, corner.X, corner.Y)
			q[i] = Point{x, y}
		}
		q = q.clip(at.Width, at.Height)
		if x0, y0, x1, y1 := q.Extent(); len(q) > 2 && x1 > x0 && y1 > y0 {
			moved.Polygons = append(moved.Polygons, q)
		}
	}
	if moved.Polygons == nil {
		return nil
	}
	return moved
}

// clip returns the part of a polygon within a picture (Sutherland and Hodgman, 1974). Parts of it that are apart remain joined by
// edges along the picture's, which cover nothing.
func (p Polygon) clip(width, height float64) Polygon {
	if x0, y0, x1, y1 := p.Extent(); x0 >= 0 && y0 >= 0 && x1 <= width && y1 <= height {
		return p
	}
	x, y := func(q *Point) *float64 { return &q.X }, func(q *Point) *float64 { return &q.Y }
	p = p.cut(x, 0, 1).cut(x, width, -1)
	p = p.cut(y, 0, 1).cut(y, height, -1)
	return p.withoutSpikes()
}

// cut returns the part of a polygon in which the coordinate is at least the bound, with sign 1, or at most, with sign −1.
func (p Polygon) cut(coordinate func(q *Point) *float64, bound, sign float64) Polygon {
	var kept Polygon
	for i, q := range p {
		last := p[(i+len(p)-1)%len(p)]
		a, b := sign*(*coordinate(&last)-bound), sign*(*coordinate(&q)-bound)
		if a < 0 != (b < 0) {
			t := a / (a - b)
			at := Point{last.X + t*(q.X-last.X), last.Y + t*(q.Y-last.Y)}
			*coordinate(&at) = bound
			kept = append(kept, at)
		}
		if b >= 0 {
			kept = append(kept, q)
		}
	}
	return kept
}

// withoutSpikes leaves out corners from which a horizontal or vertical edge leads back: beside what a cut leaves, the bounds are
// then those of what is covered.
func (p Polygon) withoutSpikes() Polygon {
	spike := func(a, b, c Point) bool {
		return a.X == b.X && b.X == c.X && (b.Y-a.Y)*(c.Y-b.Y) <= 0 || a.Y == b.Y && b.Y == c.Y && (b.X-a.X)*(c.X-b.X) <= 0
	}
	var kept Polygon
	for _, q := range p {
		for len(kept) > 1 && spike(kept[len(kept)-2], kept[len(kept)-1], q) {
			kept = kept[:len(kept)-1]
		}
		kept = append(kept, q)
	}
	for n := len(kept); n > 2; n = len(kept) { // around the end
		switch {
		case spike(kept[n-2], kept[n-1], kept[0]):
			kept = kept[:n-1]
		case spike(kept[n-1], kept[0], kept[1]):
			kept = kept[1:]
		default:
			return kept
		}
	}
	return kept
}

// move returns the pixels after a transform of the picture.
func (r RLE) move(at data.Map) RLE {
	width, height := int(math.Round(at.Width)), int(math.Round(at.Height))
	columns := make([]bool, r.width*r.height) // [width, height]
	for run := range r.runs() {
		for i := run[0]; i < run[1]; i++ {
			columns[i] = true
		}
	}
	// source returns the pixel in whose middle a pixel of the result is; −1 if that is outside.
	source := func(to int, from, scale float64, length int) int {
		v := math.Floor((float64(to)+0.5)/scale + from)
		if !(v >= 0 && v < float64(length)) {
			return -1
		}
		return int(v)
	}
	rows := make([]int, height)
	for y := range rows {
		rows[y] = source(y, at.Top, at.ScaleY, r.height)
	}
	b := newBuilder()
	for u := range width {
		if at.Mirror {
			u = width - 1 - u
		}
		x := source(u, at.Left, at.ScaleX, r.width)
		for _, y := range rows {
			b.run(x >= 0 && y >= 0 && columns[x*r.height+y], 1)
		}
	}
	return RLE{width, height, b.counts}
}
