package data

import (
	"math"

	"github.com/bestiary-ml/bestiary/fault"
)

// Map says where the points of a picture are after a transform: at ((x − Left)·ScaleX, (y − Top)·ScaleY), and then mirrored
// left to right if Mirror is set. Width and Height are those of the result, in pixels.
type Map struct {
	Left, Top      float64
	ScaleX, ScaleY float64
	Width, Height  float64
	Mirror         bool
}

// Box returns where the box from x0, y0 to x1, y1 is after the transform. It may reach beyond the result, or be outside.
func (m Map) Box(x0, y0, x1, y1 float64) (u0, v0, u1, v1 float64) {
	u0, u1 = (x0-m.Left)*m.ScaleX, (x1-m.Left)*m.ScaleX
	v0, v1 = (y0-m.Top)*m.ScaleY, (y1-m.Top)*m.ScaleY
	if m.Mirror {
		u0, u1 = m.Width-u1, m.Width-u0
	}
	return u0, v0, u1, v1
}

// Map returns where the points of a picture of width×height pixels are once it is size×size pixels large. The mode Boxes needs
// the box of the subject.
func (r Resize) Map(width, height, size int, box Box) (Map, error) {
	r, err := r.resolve()
	if err != nil {
		return Map{}, err
	}
	if width < 1 || height < 1 {
		return Map{}, fault.Field("Size", [2]int{width, height}, "must be 1 or more")
	}
	if err := checkSize(size); err != nil {
		return Map{}, err
	}
	m := Map{Width: float64(size), Height: float64(size)}
	margin, boxed, _ := r.boxed()
	switch {
	case boxed:
		if err := box.check(); err != nil {
			return Map{}, err
		}
		cut := box.Square(margin, width, height)
		m.Left, m.Top = float64(cut.Min.X), float64(cut.Min.Y)
		width, height = cut.Dx(), cut.Dy()
	case r == CenterCrop:
		side := min(width, height)
		m.Left, m.Top = float64((width-side)/2), float64((height-side)/2)
		width, height = side, side
	}
	m.ScaleX, m.ScaleY = float64(size)/float64(width), float64(size)/float64(height)
	return m, nil
}

// Map returns where the points of a picture of size×size pixels are in its variation: what a [Loader] with these options, the
// seed of its order, shows as picture index of an epoch.
func (a Augment) Map(seed uint64, epoch, index, size int) Map {
	v := a.view(seed, epoch, index, size)
	scale := float64(size) / v.side
	if math.IsInf(scale, 0) || math.IsNaN(scale) {
		scale = 1
	}
	return Map{Left: v.left, Top: v.top, ScaleX: scale, ScaleY: scale, Width: float64(size), Height: float64(size), Mirror: v.flip}
}
