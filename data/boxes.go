package data

import (
	"fmt"
	"image"
	"math"
	"strconv"
	"strings"

	"github.com/bestiary-ml/bestiary/data/internal/picture"
	"github.com/bestiary-ml/bestiary/fault"
)

// Boxes as a Resize cuts out the square around the bounding box of the subject, where the dataset has boxes. "boxes:0.1"
// adds a margin of a tenth of the longer side of the box on each side. See [Box.Square]. The boxes are in pixels of the picture as it is
// stored; an orientation in its Exif data turns both.
const Boxes Resize = "boxes"

// BoxesWith returns Boxes with a margin, as a share of the longer side of a box.
func BoxesWith(margin float64) Resize {
	return Boxes + ":" + Resize(strconv.FormatFloat(margin, 'g', -1, 64))
}

// DetectedBy as a Resize cuts out the square around the subject that a detector finds: "detector:RUN" or "detector:RUN:MARGIN",
// with the run folder of the detector. Options.Subjects finds it. See [Resize.Run].
const DetectedBy Resize = "detector"

// Run returns the run folder of the detector that finds the subjects; "" if r finds none by a detector.
func (r Resize) Run() string {
	run, _, _ := r.detector()
	return run
}

// detector returns the run and the margin of a Resize of the form detector:RUN[:MARGIN]; found is false for another form.
func (r Resize) detector() (run string, margin float64, found bool) {
	kind, rest, _ := strings.Cut(string(r), ":")
	if kind != string(DetectedBy) {
		return "", 0, false
	}
	if i := strings.LastIndexByte(rest, ':'); i >= 0 {
		if v, err := strconv.ParseFloat(rest[i+1:], 64); err == nil {
			return rest[:i], v, true
		}
	}
	return rest, 0, true
}

// maxMargin is the largest margin: the box is then about a fifth of the square.
const maxMargin = 2

// boxed reports whether r cuts out boxes, and their margin.
func (r Resize) boxed() (margin float64, ok bool, err error) {
	if run, margin, found := r.detector(); found {
		if run == "" || !(margin >= 0 && margin <= maxMargin) {
			return 0, true, fault.Field("Resize", r, "must be detector:RUN or detector:RUN:MARGIN with a margin from 0 to %d, such as detector:runs/ssd:0.1", maxMargin)
		}
		return margin, true, nil
	}
	kind, text, given := strings.Cut(string(r), ":")
	if kind != string(Boxes) {
		return 0, false, nil
	}
	if !given {
		return 0, true, nil
	}
	margin, err = strconv.ParseFloat(text, 64)
	if err != nil || !(margin >= 0 && margin <= maxMargin) {
		return 0, true, fault.Field("Resize", r, "must be boxes or boxes:MARGIN with a margin from 0 to %d, such as boxes:0.1", maxMargin)
	}
	return margin, true, nil
}

// resolve returns r, Squash if it is empty, and a [*fault.FieldError] if it is not a way to resize.
func (r Resize) resolve() (Resize, error) {
	if _, boxed, err := r.boxed(); boxed {
		return r, err
	}
	if r != "" && r != Squash && r != CenterCrop {
		return r, fault.Field("Resize", r, "must be squash, crop, boxes, boxes:MARGIN, detector:RUN or detector:RUN:MARGIN")
	}
	return oneOf("Resize", r, Squash, CenterCrop)
}

// WithoutBoxes returns how a picture whose box is not known becomes square: r, or CenterCrop if r cuts out boxes.
func (r Resize) WithoutBoxes() Resize {
	if _, boxed, _ := r.boxed(); boxed {
		return CenterCrop
	}
	return r
}

// Box is a bounding box in pixels of its picture.
type Box struct{ X, Y, Width, Height float64 }

// Square returns the square around the box in a picture of width×height pixels, whose side is (1 + 2·margin) times the
// longer side of the box. It is moved into the picture; where it is longer than the picture, it is as long as the picture
// and so no square, and resizing squashes it.
func (b Box) Square(margin float64, width, height int) image.Rectangle {
	side := math.Max(b.Width, b.Height) * (1 + 2*margin)
	segment := func(center float64, length int) (from, to int) {
		n := min(max(int(math.Round(side)), 1), length)
		from = min(max(int(math.Round(center-float64(n)/2)), 0), length-n)
		return from, from + n
	}
	left, right := segment(b.X+b.Width/2, width)
	top, bottom := segment(b.Y+b.Height/2, height)
	return image.Rect(left, top, right, bottom)
}

// move returns the box with its coordinates multiplied by scale, and then moved.
func (b Box) move(scale float64, by image.Point) Box {
	return Box{b.X*scale + float64(by.X), b.Y*scale + float64(by.Y), b.Width * scale, b.Height * scale}
}

// upright returns the box in the upright picture.
func (b Box) upright(c picture.Config) Box {
	left, top, right, bottom := c.Upright(b.X, b.Y, b.X+b.Width, b.Y+b.Height)
	return Box{left, top, right - left, bottom - top}
}

// check returns an error unless the box is one.
func (b Box) check() error {
	for _, v := range []float64{b.X, b.Y, b.Width, b.Height} {
		if !(math.Abs(v) <= 1<<20) {
			return fmt.Errorf("the bounding box %v is not within a picture", b)
		}
	}
	if b.Width <= 0 || b.Height <= 0 {
		return fmt.Errorf("the bounding box %v has no area", b)
	}
	return nil
}
