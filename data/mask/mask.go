package mask

import (
	"errors"

	"github.com/bestiary-ml/bestiary/data"
)

// Mask is the mask of an object, in pixels of its picture: polygons, of which any covers a pixel, or runs of pixels. It is not
// changed once it is made.
type Mask struct {
	Polygons []Polygon
	Runs     *RLE // nil if there are polygons
}

// RLE returns the pixels of the mask in its picture of width×height pixels. Runs of another size are an error.
func (m *Mask) RLE(width, height int) (RLE, error) {
	switch {
	case m.Runs != nil && len(m.Polygons) > 0:
		return RLE{}, errors.New("the mask has both polygons and runs; give one of them")
	case m.Runs != nil:
		return *m.Runs, m.Runs.sameSize(RLE{width: width, height: height})
	case len(m.Polygons) == 0:
		return RLE{}, errors.New("the mask has neither polygons nor runs; give one of them")
	}
	parts := make([]RLE, len(m.Polygons))
	for i, p := range m.Polygons {
		var err error
		if parts[i], err = p.RLE(width, height); err != nil {
			return RLE{}, err
		}
	}
	return Union(parts...)
}

// Bounds returns the smallest box around the mask: around its polygons, or around the pixels of its runs. It is empty if the mask
// is.
func (m *Mask) Bounds() (x0, y0, x1, y1 float64) {
	if m.Runs != nil {
		a, b, c, d := m.Runs.Bounds()
		return float64(a), float64(b), float64(c), float64(d)
	}
	var corners Polygon
	for _, p := range m.Polygons {
		a, b, c, d := p.Extent()
		corners = append(corners, Point{a, b}, Point{c, d})
	}
	return corners.Extent()
}

// Within returns the part of the mask within a box, from x0, y0 to x1, y1, stretched to width×height pixels: what a network is to
// predict for that box. It is an error if the box is empty.
func (m *Mask) Within(x0, y0, x1, y1 float64, width, height int) (RLE, error) {
	if err := checkSize(width, height); err != nil {
		return RLE{}, err
	}
	if !(x1 > x0 && y1 > y0) {
		return RLE{}, errors.New("the box has no area; give one with X0 < X1 and Y0 < Y1")
	}
	part := m.Move(data.Map{
		Left: x0, Top: y0, ScaleX: float64(width) / (x1 - x0), ScaleY: float64(height) / (y1 - y0),
		Width: float64(width), Height: float64(height),
	})
	if part == nil {
		return FromCounts(width, height, []uint32{uint32(width * height)})
	}
	return part.RLE(width, height)
}
