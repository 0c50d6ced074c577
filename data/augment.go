package data

import (
	"math"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/philox"
)

// Augment says how training pictures are varied at random. The variation of a picture depends on the seed, the epoch and
// the picture's position in the epoch.
type Augment struct {
	Flip   bool    `json:"flip"`   // mirror every second picture, on average
	Zoom   float64 `json:"zoom"`   // cut out a square of at least this share of the side and scale it up; 0 or 1: off
	Crop   float64 `json:"crop"`   // the same by area: torchvision's RandomResizedCrop with scale (Crop, 1) and ratio (1, 1); 0 or 1: off
	Colour float64 `json:"colour"` // largest change of contrast, brightness (as a share of white) and saturation; 0: off
}

// Validate returns a [*fault.FieldError] for a value that is not allowed.
func (a Augment) Validate() error {
	for _, share := range []struct {
		field string
		value float64
	}{{"Zoom", a.Zoom}, {"Crop", a.Crop}, {"Colour", a.Colour}} {
		if !(share.value >= 0 && share.value <= 1) { // also NaN
			return fault.Field(share.field, share.value, "must be 0 to 1")
		}
	}
	if a.Zoom > 0 && a.Zoom < 1 && a.Crop > 0 && a.Crop < 1 {
		return fault.Field("Zoom", a.Zoom, "can't be combined with Crop %v, as both cut out squares; set one of them", a.Crop)
	}
	return nil
}

// Scaled multiplies the ranges of Zoom, Crop and Colour by a strength: with 0 nothing changes, with 1 they are those of a. Flip
// stays: a mirrored photo is as likely as the photo.
func (a Augment) Scaled(strength float64) Augment {
	for _, least := range []*float64{&a.Zoom, &a.Crop} {
		if *least > 0 {
			*least += (1 - strength) * (1 - *least)
		}
	}
	a.Colour *= strength
	return a
}

// Scales reports whether a has a range for [Augment.Scaled] to multiply.
func (a Augment) Scales() bool {
	return a.Zoom > 0 && a.Zoom < 1 || a.Crop > 0 && a.Crop < 1 || a.Colour > 0
}

// Varies reports whether pictures are varied at all.
func (a Augment) Varies() bool { return a.Flip || a.Scales() }

// view is one variation of a picture.
type view struct {
	flip                             bool
	side, left, top                  float64 // of the square that is cut out, in pixels
	contrast, brightness, saturation float32
}

// whole reports whether v shows the whole picture in its own colours, mirrored or not.
func (v view) whole(size int) bool {
	return v.side == float64(size) && v.contrast == 1 && v.brightness == 0 && v.saturation == 1
}

// view draws the variation of picture index of an epoch.
func (a Augment) view(seed uint64, epoch, index, size int) view {
	draw := func(block uint32) (u [4]float64) {
		for i, w := range philox.Words(seed, [4]uint32{uint32(index), augmentPurpose, uint32(epoch), block}) {
			u[i] = float64(w) / (1 << 32)
		}
		return u
	}
	place, colour := draw(0), draw(1)
	v := view{side: float64(size), contrast: 1, saturation: 1}
	v.flip = a.Flip && place[0] < 0.5
	switch {
	case a.Crop > 0 && a.Crop < 1: // the area is uniform, as in torchvision
		v.side *= math.Sqrt(a.Crop + (1-a.Crop)*place[1])
	case a.Zoom > 0:
		v.side *= a.Zoom + (1-a.Zoom)*place[1]
	}
	if v.side < float64(size) {
		v.left, v.top = (float64(size)-v.side)*place[2], (float64(size)-v.side)*place[3]
	}
	change := func(u float64) float32 { return float32(a.Colour * (2*u - 1)) }
	v.contrast += change(colour[0])
	v.brightness = 2 * change(colour[1]) // white is 1, black −1
	v.saturation += change(colour[2])
	return v
}

// tap interpolates between two pixels of a line: (1−weight)·from + weight·to.
type tap struct {
	from, to int
	weight   float32
}

// taps fills line with the taps of a segment of the given start and length, in pixels, scaled to the whole line.
func taps(line []tap, start, length float64) {
	n := float64(len(line))
	for i := range line {
		at := min(max(start+(float64(i)+0.5)*length/n-0.5, 0), n-1)
		from := math.Floor(at)
		line[i] = tap{int(from), min(int(from)+1, len(line)-1), float32(at - from)}
	}
}

// show writes the view of a picture to dst, [S, S, C] in [-1, 1], with bilinear interpolation. Alpha keeps its value.
// columns and rows are scratch of length S.
func (v view) show(dst []float32, pixels []uint8, columns, rows []tap) {
	size := len(columns)
	channels := len(pixels) / (size * size)
	line := size * channels
	taps(columns, v.left, v.side)
	taps(rows, v.top, v.side)
	for y, row := range rows {
		above, below := pixels[row.from*line:][:line], pixels[row.to*line:][:line]
		for x := range columns {
			column := columns[x]
			if v.flip {
				column = columns[size-1-x]
			}
			var rgba [4]float32
			for c := range channels {
				a, b := column.from*channels+c, column.to*channels+c
				upper := float32(above[a]) + column.weight*(float32(above[b])-float32(above[a]))
				lower := float32(below[a]) + column.weight*(float32(below[b])-float32(below[a]))
				rgba[c] = (upper+row.weight*(lower-upper))/127.5 - 1
			}
			grey := 0.299*rgba[0] + 0.587*rgba[1] + 0.114*rgba[2]
			for c, value := range rgba[:3] {
				value = grey + v.saturation*(value-grey)
				rgba[c] = min(max(v.contrast*value+v.brightness, -1), 1)
			}
			copy(dst[y*line+x*channels:][:channels], rgba[:])
		}
	}
}
