package layout_test

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"log"

	"github.com/bestiary-ml/bestiary/sample/layout"
)

// Arranges eight pictures in two sections.
func ExampleGrid() {
	var red, blue []*image.NRGBA
	for range 4 {
		red, blue = append(red, plain(color.RGBA{200, 0, 0, 255})), append(blue, plain(color.RGBA{0, 0, 200, 255}))
	}
	grid, err := layout.Grid(layout.Options{Columns: 4, Scale: 4}, layout.Section{Images: red}, layout.Section{Images: blue})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("columns chosen for 16 pictures:", layout.Columns(16))
	fmt.Println("size:", grid.Bounds().Size())
	// Output:
	// columns chosen for 16 pictures: 4
	// size: (306,174)
}

// plain is a picture of 16×16 pixels in one colour.
func plain(c color.Color) *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, 16, 16))
	draw.Draw(img, img.Bounds(), image.NewUniform(c), image.Point{}, draw.Src)
	return img
}
