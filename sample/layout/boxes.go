package layout

import (
	"image"
	"image/color"
	"image/draw"
	"math"

	"github.com/bestiary-ml/bestiary/fault"
)

// Box is a rectangle to draw on a picture, with a label.
type Box struct {
	X0, Y0, X1, Y1 float64 // edges in pixels
	Label          string  // "" for none
	Colour         color.NRGBA
}

// boxColours differ in hue and in lightness, for colour-blind readers.
var boxColours = []color.NRGBA{
	{0x1f, 0x6f, 0xd6, 0xff}, {0xe8, 0x6a, 0x17, 0xff}, {0x0f, 0x9d, 0x6b, 0xff}, {0xc8, 0x2d, 0x6d, 0xff},
	{0x7a, 0x4f, 0xd0, 0xff}, {0x8c, 0x6a, 0x1c, 0xff}, {0x12, 0xa5, 0xc0, 0xff}, {0x55, 0x5f, 0x6b, 0xff},
}

// ClassColour returns the colour of the boxes of a class, by its index. Colours repeat after eight classes.
func ClassColour(class int) color.NRGBA {
	n := len(boxColours)
	return boxColours[(class%n+n)%n]
}

// DrawBoxes draws boxes and their labels on a picture, the last one on top. The width of the lines and the size of the labels
// follow the size of the picture. What is beyond the picture is left out. A picture without pixels and a box with a coordinate
// that is not finite are a [*fault.FieldError].
func DrawBoxes(img *image.NRGBA, boxes ...Box) error {
	if !drawable(img) {
		return fault.Field("Image", nil, "must be a picture with pixels")
	}
	for _, b := range boxes {
		for _, v := range []float64{b.X0, b.Y0, b.X1, b.Y1} {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return fault.Field("Box", v, "must have finite coordinates")
			}
		}
	}
	size := img.Bounds().Size()
	side := float64(min(size.X, size.Y))
	line := 1 + int(side/150)
	text := newWriter(medium(), min(max(side/28, 10), 28), color.White)
	for _, b := range boxes {
		pixel := func(v float64, most int) int { return int(min(max(math.Round(v), -1), float64(most+1))) }
		r := image.Rect(pixel(b.X0, size.X), pixel(b.Y0, size.Y), pixel(b.X1, size.X), pixel(b.Y1, size.Y)).Add(img.Bounds().Min)
		fill := image.NewUniform(b.Colour)
		for _, edge := range []image.Rectangle{
			{r.Min, image.Pt(r.Max.X, r.Min.Y+line)}, {image.Pt(r.Min.X, r.Max.Y-line), r.Max},
			{r.Min, image.Pt(r.Min.X+line, r.Max.Y)}, {image.Pt(r.Max.X-line, r.Min.Y), r.Max},
		} {
			draw.Draw(img, edge, fill, image.Point{}, draw.Src)
		}
		if b.Label == "" {
			continue
		}
		label := text.fit(b.Label, max(size.X-4, 1))
		tag := image.Rect(0, 0, text.width(label)+4, text.lineHeight())
		// The tag is above the box, or within where there is no room.
		at := image.Pt(r.Min.X, r.Min.Y-tag.Dy())
		if at.Y < img.Bounds().Min.Y {
			at.Y = max(r.Min.Y, img.Bounds().Min.Y)
		}
		at.X = max(min(at.X, img.Bounds().Max.X-tag.Dx()), img.Bounds().Min.X)
		draw.Draw(img, tag.Add(at), fill, image.Point{}, draw.Src)
		text.draw(img, []string{label}, at.X+2, at.Y, 0)
	}
	return nil
}
