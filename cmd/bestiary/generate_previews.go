package main

import (
	"context"
	"fmt"
	"image"
	"path/filepath"

	"github.com/bestiary-ml/bestiary/internal/atomicfile"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/sample/layout"
)

// previews writes unfinished pictures of a batch: a grid after each row of codes of a DALL-E, pass of a MaskGIT and step of
// a rectified flow.
type previews struct {
	folder  string // "": none
	layout  layout.Options
	written int
	err     error // the first one; it ends the writing
}

// write writes the next grid. It is called while the pictures are drawn.
func (p *previews) write(ctx context.Context, r sample.Rows) {
	if p.folder == "" || p.err != nil {
		return
	}
	if p.err = atomicfile.MkdirAll(p.folder); p.err != nil {
		p.err = fmt.Errorf("--previews %s: can't be made (%w); choose a folder that you may write to", p.folder, p.err)
		return
	}
	var images []*image.NRGBA
	if images, p.err = r.Images(ctx); p.err != nil {
		return
	}
	var sections []layout.Section // one for each prompt
	for i, drawn := range images {
		if i == 0 || r.Pictures[i].Prompt != r.Pictures[i-1].Prompt {
			sections = append(sections, layout.Section{Title: r.Pictures[i].Prompt})
		}
		last := &sections[len(sections)-1]
		last.Images = append(last.Images, drawn)
	}
	var grid image.Image
	if grid, p.err = layout.Grid(p.layout, sections...); p.err != nil {
		return
	}
	p.written++
	p.err = layout.SavePNG(filepath.Join(p.folder, fmt.Sprintf("preview-%04d.png", p.written)), grid)
}
