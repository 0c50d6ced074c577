package layout

import (
	"image"
	"image/color"

	"github.com/bestiary-ml/bestiary/data/mask"
	"github.com/bestiary-ml/bestiary/fault"
)

// maskShare is the share of the colour in a pixel that a mask covers.
const maskShare = 0.45

// DrawMask tints the pixels of a picture that a mask covers, and gives it an outline in the colour. A mask of another size than the
// picture is a [*fault.FieldError].
func DrawMask(img *image.NRGBA, m mask.RLE, c color.NRGBA) error {
	if !drawable(img) {
		return fault.Field("Image", nil, "must be a picture with pixels")
	}
	size := img.Bounds().Size()
	if width, height := m.Size(); width != size.X || height != size.Y {
		return fault.Field("Mask", [2]int{width, height}, "must have the size of the picture, %d×%d", size.X, size.Y)
	}
	pixels := m.Pixels()
	within := func(x, y int) bool { return x >= 0 && y >= 0 && x < size.X && y < size.Y && pixels[y*size.X+x] != 0 }
	for y := range size.Y {
		for x := range size.X {
			if !within(x, y) {
				continue
			}
			share := maskShare
			if !within(x-1, y) || !within(x+1, y) || !within(x, y-1) || !within(x, y+1) {
				share = 1
			}
			p := img.Pix[img.PixOffset(img.Rect.Min.X+x, img.Rect.Min.Y+y):][:3]
			for k, v := range [3]uint8{c.R, c.G, c.B} {
				p[k] = uint8((1-share)*float64(p[k]) + share*float64(v) + 0.5)
			}
		}
	}
	return nil
}
