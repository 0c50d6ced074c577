package sample

import (
	"context"

	"github.com/bestiary-ml/bestiary/sample/layout"
)

// SaveClasses writes a grid with samples of every class to a PNG file, a section for each class. It sets the Class of the
// options itself.
func SaveClasses(ctx context.Context, path string, p *Flow, o Options) error {
	var sections []layout.Section
	for _, class := range p.Classes() {
		o.Class = class
		pictures, err := p.Sample(ctx, o)
		if err != nil {
			return err
		}
		section := layout.Section{Title: class}
		for _, s := range pictures {
			section.Images = append(section.Images, s.Image)
		}
		sections = append(sections, section)
	}
	grid, err := layout.Grid(layout.Options{}, sections...)
	if err != nil {
		return err
	}
	return layout.SavePNG(path, grid)
}
