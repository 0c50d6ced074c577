package data

import (
	"image"
	"math"
	"slices"
)

// SoftMask says how sure it is that a subject covers a pixel: a grid of probabilities over a box. Nothing outside of the box is covered.
type SoftMask struct {
	Box    Box     // in pixels of the upright picture
	Side   int     // of the grid
	Values []uint8 // [Side, Side], probabilities times 255
}

// Opaque and transparent from these probabilities on. The coarse masks of a network are unsure over a wide seam. Between 0 and 1, the
// background would shine through the subject and around it.
const (
	transparent = 0.25
	opaque      = 0.75
)

// Alpha returns the opacity of each pixel of a picture of width×height pixels. The probabilities are interpolated bilinearly between the
// centres of the grid's cells, with zeros around the grid. Up to 1/4 a pixel is transparent, from 3/4 on opaque, and between them its
// opacity rises linearly.
func (m SoftMask) Alpha(width, height int) *image.Alpha {
	a := image.NewAlpha(image.Rect(0, 0, max(width, 0), max(height, 0)))
	if m.check() != nil {
		return a
	}
	at := func(column, row int) float64 {
		if column < 0 || row < 0 || column >= m.Side || row >= m.Side {
			return 0
		}
		return float64(m.Values[row*m.Side+column]) / 255
	}
	place := func(pixel int, from, length float64) (cell int, share float64) {
		v := (float64(pixel)+0.5-from)/length*float64(m.Side) - 0.5
		cell = int(math.Floor(v))
		return cell, v - float64(cell)
	}
	// Half a cell around the box, the interpolation ends.
	edges := func(from, length float64, pixels int) (first, end int) {
		seam := length / float64(m.Side) / 2
		return max(int(math.Floor(from-seam)), 0), min(int(math.Ceil(from+length+seam)), pixels)
	}
	left, right := edges(m.Box.X, m.Box.Width, a.Rect.Dx())
	top, bottom := edges(m.Box.Y, m.Box.Height, a.Rect.Dy())
	for y := top; y < bottom; y++ {
		row, down := place(y, m.Box.Y, m.Box.Height)
		for x := left; x < right; x++ {
			column, across := place(x, m.Box.X, m.Box.Width)
			upper := at(column, row)*(1-across) + at(column+1, row)*across
			lower := at(column, row+1)*(1-across) + at(column+1, row+1)*across
			p := upper*(1-down) + lower*down
			a.Pix[y*a.Stride+x] = uint8(255*min(max((p-transparent)/(opaque-transparent), 0), 1) + 0.5)
		}
	}
	return a
}

// check returns an error unless there is a box with a grid.
func (m SoftMask) check() error {
	if m.Side < 1 || m.Side > maxSize || len(m.Values) != m.Side*m.Side {
		return errMask
	}
	return m.Box.check()
}

// empty reports whether the mask rather covers nothing.
func (m SoftMask) empty() bool { return len(m.Values) == 0 || slices.Max(m.Values) < 128 }

// cutOut makes what the mask doesn't cover transparent in the part of a picture from at on, whose sides were divided by scale.
func (m SoftMask) cutOut(part *image.NRGBA, at image.Point, scale float64) {
	m.Box = m.Box.move(1/scale, image.Point{}.Sub(at))
	for i, a := range m.Alpha(part.Rect.Dx(), part.Rect.Dy()).Pix {
		opacity := &part.Pix[4*i+3]
		*opacity = uint8((int(*opacity)*int(a) + 127) / 255)
	}
}
