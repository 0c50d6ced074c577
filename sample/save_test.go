package sample

import (
	"fmt"
	"image"
	"path/filepath"
	"testing"

	"github.com/bestiary-ml/bestiary/sample/layout"
)

// TestGridOfManyClasses chooses a layout for any number of classes, and draws that of 200 classes at 256 pixels.
func TestGridOfManyClasses(t *testing.T) {
	for _, c := range []struct {
		classes, n, size int
		want             classGrid
	}{
		{2, 4, 64, classGrid{2, 4, false}},
		{37, 4, 128, classGrid{37, 4, false}},
		{100, 4, 256, classGrid{100, 4, true}},
		{200, 4, 128, classGrid{200, 4, true}},
		{200, 4, 256, classGrid{200, 2, true}},
		{5000, 4, 256, classGrid{512, 1, true}},
		{3, 1 << 40, 32, classGrid{3, 10922, true}},
		{2, 4, 8192, classGrid{1, 1, true}},
	} {
		if got := arrangeClasses(c.classes, c.n, c.size); got != c.want {
			t.Errorf("%d classes, %d pictures of %d pixels: %+v, want %+v", c.classes, c.n, c.size, got, c.want)
		}
	}
	grid := arrangeClasses(200, 4, 256)
	var sections []layout.Section
	picture := image.NewNRGBA(image.Rect(0, 0, 256, 256))
	for i := range grid.classes {
		s := layout.Section{Title: fmt.Sprintf("%03d.Black_footed_Albatross", i)}
		for range grid.each {
			s.Images = append(s.Images, picture)
		}
		sections = append(sections, s)
	}
	img, err := layout.Grid(layout.Options{}, together(sections)...)
	if err != nil {
		t.Fatal(err)
	}
	if err := layout.SavePNG(filepath.Join(t.TempDir(), "classes.png"), img); err != nil {
		t.Error(err)
	}
}
