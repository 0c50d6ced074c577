package sample

import (
	"context"
	"errors"
	"image"
	"slices"

	"github.com/bestiary-ml/bestiary/dalle"
)

// Rows reports the progress of [TextToImage.Generate] to its callback.
//
// Generate waits for the callback, and other callers wait for Generate. So a callback should be fast: do slow work in
// another goroutine. If the callback waits for a goroutine that calls a pipeline on the same device, both wait for ever.
type Rows struct {
	Done, Total int         // rows of codes of all pictures together
	First       int         // rows that each of Pictures has by now
	Pictures    []Generated // the pictures that are generated together, without Image; Codes may be read during the call only
	pipeline    *TextToImage
	over        *bool // the callback has returned
}

// Images decodes the rows generated so far; the rest of each picture is transparent. It works during the callback only.
func (r Rows) Images(ctx context.Context) ([]*image.NRGBA, error) {
	if r.over == nil || *r.over {
		return nil, errors.New("the pictures of rows can be drawn during the callback only; call Images before it returns")
	}
	p := r.pipeline
	grid, cells := p.Grid(), p.cells()
	var codes []int32
	for _, g := range r.Pictures {
		codes = append(codes, g.Codes...)
		for len(codes)%cells != 0 { // convolutions look beyond the last row; repeating that row disturbs it least
			codes = append(codes, codes[len(codes)-grid])
		}
	}
	images, err := p.decode(ctx, codes)
	for _, img := range images {
		clear(img.Pix[r.First*(p.Size()/grid)*img.Stride:])
	}
	return images, err
}

// rowFunc returns the callback of DALLE.Generate for a batch; nil without a callback.
func (j *job) rowFunc(batch []Generated) dalle.RowFunc {
	if j.options.Rows == nil {
		return nil
	}
	return func(rows int, codes [][]int32) {
		j.progress.Done += len(batch)
		r := j.progress
		r.First, r.Pictures, r.over = rows, slices.Clone(batch), new(bool)
		for i := range codes {
			r.Pictures[i].Codes = codes[i]
		}
		defer func() { *r.over = true }()
		j.options.Rows(r)
	}
}
