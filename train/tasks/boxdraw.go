package tasks

import (
	"fmt"
	"image"
	"image/color"

	"github.com/bestiary-ml/bestiary/data/boxes"
	"github.com/bestiary-ml/bestiary/detect"
	"github.com/bestiary-ml/bestiary/sample/layout"
)

const (
	drawnSide  = 320 // pixels of the longer side of a picture in samples
	drawnScore = 0.3 // least score of a box in samples
)

// drawFound writes pictures with the boxes of their objects, in white, and the boxes and masks that are found. found returns the detections in
// picture i, in pixels of the size in which it is drawn.
func drawFound(path string, cache *pictureCache, pictures []boxes.Picture, classes []string, found func(i, width, height int) ([]detect.Detection, error)) error {
	var images []*image.NRGBA
	for i, p := range pictures {
		m, err := cache.read(p)
		if err != nil {
			return err
		}
		scale := min(1, drawnSide/float64(max(p.Width, p.Height)))
		width, height := max(1, int(float64(p.Width)*scale)), max(1, int(float64(p.Height)*scale))
		own, err := found(i, width, height)
		if err != nil {
			return err
		}
		img := shrink(m, width, height)
		var all []layout.Box
		for _, o := range p.Objects {
			all = append(all, drawnBox(o.Box.Scale(scale, scale), "", color.NRGBA{255, 255, 255, 255}))
		}
		for _, d := range own {
			if d.Score < drawnScore {
				continue
			}
			colour := layout.ClassColour(d.Class)
			if d.Mask != nil {
				if err := layout.DrawMask(img, *d.Mask, colour); err != nil {
					return err
				}
			}
			all = append(all, drawnBox(d.Box, fmt.Sprintf("%s %.2f", classes[d.Class], d.Score), colour))
		}
		if err := layout.DrawBoxes(img, all...); err != nil {
			return err
		}
		images = append(images, img)
	}
	return saveGrid(path, images)
}

func drawnBox(b boxes.Box, label string, c color.NRGBA) layout.Box {
	return layout.Box{X0: b.X0, Y0: b.Y0, X1: b.X1, Y1: b.Y1, Label: label, Colour: c}
}

// saveGrid writes pictures to a PNG file.
func saveGrid(path string, images []*image.NRGBA) error {
	grid, err := layout.Grid(layout.Options{}, layout.Section{Images: images})
	if err != nil {
		return err
	}
	return layout.SavePNG(path, grid)
}

// shrink returns a picture in another size.
func shrink(m *boxes.Image, width, height int) *image.NRGBA {
	values := make([]float32, width*height*3)
	boxes.Whole(m.Width, m.Height).Show(values, m, width, height)
	img := image.NewNRGBA(image.Rect(0, 0, width, height))
	for i := range width * height {
		for c := range 3 {
			img.Pix[4*i+c] = uint8(min(max((values[3*i+c]+1)*127.5+0.5, 0), 255))
		}
		img.Pix[4*i+3] = 255
	}
	return img
}
