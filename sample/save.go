package sample

import (
	"context"
	"fmt"
	"image"

	"github.com/bestiary-ml/bestiary/sample/layout"
)

// SaveClasses writes a grid with samples of every class to a PNG file. It sets the Class of the options itself. A class is
// a section of its own as long as the grid isn't too large. With more classes, their pictures follow each other with the
// class below each, fewer of each class if need be; and if even one of each is too much, the title says how many are
// shown.
func SaveClasses(ctx context.Context, path string, p *Flow, o Options) error {
	if err := p.RequireFlow(); err != nil {
		return err
	}
	classes := p.Classes()
	grid := arrangeClasses(len(classes), o.N, p.Size())
	o.N = grid.each
	var sections []layout.Section
	drawn, err := p.SampleClasses(ctx, classes[:grid.classes], o)
	if err != nil {
		return err
	}
	for i, pictures := range drawn {
		section := layout.Section{Title: classes[i]}
		for _, s := range pictures {
			section.Images = append(section.Images, s.Image)
		}
		sections = append(sections, section)
	}
	if grid.together {
		sections = together(sections)
	}
	options := layout.Options{}
	if grid.classes < len(classes) {
		options.Title = fmt.Sprintf("the first %d of %d classes", grid.classes, len(classes))
	}
	img, err := layout.Grid(options, sections...)
	if err != nil {
		return err
	}
	return layout.SavePNG(path, img)
}

// classGrid says how many classes a grid has, and how many pictures of each.
type classGrid struct {
	classes, each int
	together      bool // in one section, with the class as the caption of each picture
}

// maxGridPixels bounds a grid of classes: 128 MiB of memory.
const maxGridPixels = 1 << 25

// arrangeClasses chooses the grid for n pictures of each class.
func arrangeClasses(classes, n, size int) classGrid {
	fits := func(counts ...int) bool {
		total := 0
		for _, c := range counts {
			total += c
		}
		return total <= maxGridPixels/(size*size) && layout.Options{}.Check(image.Pt(size, size), counts...) == nil
	}
	if n < 1 || classes < 1 { // the options are wrong, which Sample says
		return classGrid{classes: classes, each: n}
	}
	apart := make([]int, min(classes, maxGridPixels))
	for i := range apart {
		apart[i] = min(n, maxGridPixels)
	}
	if fits(apart...) {
		return classGrid{classes: classes, each: n}
	}
	for each := min(n, maxGridPixels/classes); each > 0; each-- {
		if fits(classes * each) {
			return classGrid{classes, each, true}
		}
	}
	shown := min(classes, max(1, maxGridPixels/(size*size)))
	for shown > 1 && !fits(shown) {
		shown--
	}
	return classGrid{shown, 1, true}
}

// together makes one section of the pictures of several.
func together(sections []layout.Section) []layout.Section {
	var all layout.Section
	for _, s := range sections {
		for _, img := range s.Images {
			all.Images = append(all.Images, img)
			all.Captions = append(all.Captions, s.Title)
		}
	}
	return []layout.Section{all}
}
