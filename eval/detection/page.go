package detection

import (
	"fmt"
	"image"
	"image/color"
	"math"
	"path"

	"github.com/bestiary-ml/bestiary/data/boxes"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/printable"
	"github.com/bestiary-ml/bestiary/sample/layout"
	"github.com/disintegration/imaging"
)

// Sizes of a page of mistakes.
const (
	pageColumns = 6
	pageRows    = 3   // of wrong detections, and of missed objects
	pageCell    = 180 // pixels
	pageContext = 1.8 // side of a cut-out, in longer sides of the boxes in it
)

// Colours of a page of mistakes.
var (
	rightColour = color.NRGBA{0x0f, 0x9d, 0x6b, 0xff} // objects
	wrongColour = color.NRGBA{0xd6, 0x2d, 0x2d, 0xff} // detections
)

// MistakePage draws the worst mistakes with their surroundings: the wrong detections with the highest scores, and the largest
// missed objects. Detections are red, objects green. read returns a picture by its index, with its name.
func MistakePage(wrong, missed []Mistake, classes []string, read func(picture int) (m *boxes.Image, name string, err error)) (*image.NRGBA, error) {
	if len(wrong)+len(missed) == 0 {
		return nil, fault.Field("Mistakes", 0, "must be 1 or more: there is nothing to draw")
	}
	var sections []layout.Section
	for _, part := range []struct {
		title string
		all   []Mistake
	}{{"wrong detections with the highest scores", wrong}, {"largest missed objects", missed}} {
		s := layout.Section{Title: part.title}
		for _, m := range part.all[:min(len(part.all), pageColumns*pageRows)] {
			if m.Class < 0 || m.Class >= len(classes) || m.OtherClass < 0 || m.OtherClass >= len(classes) {
				return nil, fault.Field("Class", m.Class, "must be one of %d classes", len(classes))
			}
			picture, name, err := read(m.Picture)
			if err != nil {
				return nil, err
			}
			cell, err := m.draw(picture)
			if err != nil {
				return nil, err
			}
			s.Images, s.Captions = append(s.Images, cell), append(s.Captions, m.caption(classes)+" · "+printable.Text(path.Base(name)))
		}
		sections = append(sections, s)
	}
	title := fmt.Sprintf("The worst mistakes: %d wrong detections (red), %d missed objects (green)", len(wrong), len(missed))
	return layout.Grid(layout.Options{Title: title, Columns: pageColumns, Scale: 1}, sections...)
}

// caption says what is wrong.
func (m Mistake) caption(classes []string) string {
	class := printable.Text(classes[m.Class])
	switch m.Kind {
	case Missed:
		if m.IoU >= touching {
			return fmt.Sprintf("%s missed: IoU %.2f", class, m.IoU)
		}
		return class + " missed"
	case OtherClass:
		return fmt.Sprintf("%s %.2f: is a %s", class, m.Score, printable.Text(classes[m.OtherClass]))
	case Localization:
		return fmt.Sprintf("%s %.2f: IoU %.2f", class, m.Score, m.IoU)
	case Duplicate:
		return fmt.Sprintf("%s %.2f: found twice", class, m.Score)
	}
	return fmt.Sprintf("%s %.2f: background", class, m.Score)
}

// draw cuts out the surroundings of a mistake and draws its boxes.
func (m Mistake) draw(picture *boxes.Image) (*image.NRGBA, error) {
	around := m.Box
	if m.Other != nil {
		around = around.Enclose(*m.Other)
	}
	around = around.Clip(float64(picture.Width), float64(picture.Height))
	x, y, w, h := around.Center()
	side := math.Ceil(max(pageContext*max(w, h), 16))
	cut := boxes.FromCenter(x, y, side, side)
	left, top := int(math.Floor(cut.X0)), int(math.Floor(cut.Y0))
	rect := image.Rect(left, top, left+int(side), top+int(side)).Intersect(image.Rect(0, 0, picture.Width, picture.Height))
	part := picture.Cut(rect)
	if part == nil { // a detection beyond the picture
		part, rect = picture, image.Rect(0, 0, picture.Width, picture.Height)
	}
	scale := pageCell / float64(max(part.Width, part.Height))
	size := func(n int) int { return max(int(math.Round(float64(n)*scale)), 1) }
	cell := imaging.Resize(part.NRGBA(), size(part.Width), size(part.Height), imaging.Linear)
	line := func(b boxes.Box, c color.NRGBA) layout.Box {
		b = b.Shift(-float64(rect.Min.X), -float64(rect.Min.Y)).Scale(scale, scale)
		return layout.Box{X0: b.X0, Y0: b.Y0, X1: b.X1, Y1: b.Y1, Colour: c}
	}
	own, other := wrongColour, rightColour
	if m.Kind == Missed {
		own, other = rightColour, wrongColour
	}
	var all []layout.Box
	if m.Other != nil {
		all = append(all, line(*m.Other, other))
	}
	return cell, layout.DrawBoxes(cell, append(all, line(m.Box, own))...)
}
