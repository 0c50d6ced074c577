package boxes

import "math"

// Box is an axis-parallel rectangle in corner form, in pixels of its picture or as shares of its sides. The left and upper
// edges are at X0 and Y0, the right and lower edges at X1 and Y1: a box of the first pixel is {0, 0, 1, 1}.
type Box struct{ X0, Y0, X1, Y1 float64 }

// FromSize returns the box with its upper left corner at x, y: COCO's form.
func FromSize(x, y, width, height float64) Box { return Box{x, y, x + width, y + height} }

// FromCenter returns the box with its centre at x, y.
func FromCenter(x, y, width, height float64) Box {
	return Box{x - width/2, y - height/2, x + width/2, y + height/2}
}

// Size returns the upper left corner, the width and the height.
func (b Box) Size() (x, y, width, height float64) { return b.X0, b.Y0, b.X1 - b.X0, b.Y1 - b.Y0 }

// Center returns the centre, the width and the height.
func (b Box) Center() (x, y, width, height float64) {
	return (b.X0 + b.X1) / 2, (b.Y0 + b.Y1) / 2, b.X1 - b.X0, b.Y1 - b.Y0
}

// Width returns X1 − X0, which is negative if the box is inverted.
func (b Box) Width() float64 { return b.X1 - b.X0 }

// Height returns Y1 − Y0, which is negative if the box is inverted.
func (b Box) Height() float64 { return b.Y1 - b.Y0 }

// Area returns the area, 0 if the box is empty.
func (b Box) Area() float64 {
	if b.Empty() {
		return 0
	}
	return b.Width() * b.Height()
}

// Empty reports whether the box has no area: it is empty, inverted or has a NaN.
func (b Box) Empty() bool { return !(b.X1 > b.X0 && b.Y1 > b.Y0) }

// Finite reports whether all coordinates are finite.
func (b Box) Finite() bool {
	return !math.IsInf(b.X0, 0) && !math.IsInf(b.Y0, 0) && !math.IsInf(b.X1, 0) && !math.IsInf(b.Y1, 0) &&
		b.X0 == b.X0 && b.Y0 == b.Y0 && b.X1 == b.X1 && b.Y1 == b.Y1
}

// Clip returns the part of the box within a picture; it is empty if the box is outside.
func (b Box) Clip(width, height float64) Box {
	return Box{
		min(max(b.X0, 0), width), min(max(b.Y0, 0), height),
		min(max(b.X1, 0), width), min(max(b.Y1, 0), height),
	}
}

// Intersect returns the common part of two boxes. It is [Box.Empty] if there is none.
func (b Box) Intersect(c Box) Box {
	return Box{max(b.X0, c.X0), max(b.Y0, c.Y0), min(b.X1, c.X1), min(b.Y1, c.Y1)}
}

// Enclose returns the smallest box around both.
func (b Box) Enclose(c Box) Box {
	return Box{min(b.X0, c.X0), min(b.Y0, c.Y0), max(b.X1, c.X1), max(b.Y1, c.Y1)}
}

// IoU returns the intersection over union, 0 to 1. That of two empty boxes is 0.
func (b Box) IoU(c Box) float64 {
	inter := b.Intersect(c).Area()
	if inter == 0 {
		return 0
	}
	return inter / (b.Area() + c.Area() - inter)
}

// Contains reports whether a point is within the box; the right and lower edges are not.
func (b Box) Contains(x, y float64) bool { return x >= b.X0 && x < b.X1 && y >= b.Y0 && y < b.Y1 }

// Shift returns the box moved by x, y.
func (b Box) Shift(x, y float64) Box { return Box{b.X0 + x, b.Y0 + y, b.X1 + x, b.Y1 + y} }

// Scale returns the box in a picture that is stretched by x and y.
func (b Box) Scale(x, y float64) Box { return Box{b.X0 * x, b.Y0 * y, b.X1 * x, b.Y1 * y} }

// Mirror returns the box in the picture of a width that is mirrored left to right.
func (b Box) Mirror(width float64) Box { return Box{width - b.X1, b.Y0, width - b.X0, b.Y1} }
