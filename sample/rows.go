package sample

import (
	"context"
	"errors"
	"image"
	"slices"
)

// Rows reports the progress of [TextToImage.Generate] to its callback: after each row of codes of DALL-E, each pass of
// MaskGIT and each step of a rectified flow.
//
// Generate waits for the callback, and other callers wait for Generate. So a callback should be fast: do slow work in
// another goroutine. If the callback waits for a goroutine that calls a pipeline on the same device, both wait for ever.
type Rows struct {
	Done, Total int // rows of codes, passes or steps of all pictures together; of an adaptive solver hundredths of the way
	// First is the number of rows of codes that each of Pictures has by now. MaskGIT and rectified flow draw all rows at
	// once, so it is always the number of rows of their codes or latents.
	First    int
	Pictures []Generated // the pictures that are generated together, without Image; Codes may be read during the call only

	images func(ctx context.Context) ([]*image.NRGBA, error)
	over   *bool // the callback has returned
}

// Images decodes the pictures as they are now. Of a DALL-E these are the rows generated so far; the rest of each picture
// is transparent. MaskGIT and rectified flow have estimates of whole pictures. It works during the callback only.
func (r Rows) Images(ctx context.Context) ([]*image.NRGBA, error) {
	if r.over == nil || *r.over {
		return nil, errors.New("the pictures of rows can be drawn during the callback only; call Images before it returns")
	}
	return r.images(ctx)
}

// state is what a plan reports while it draws.
type state struct {
	units int       // done of each picture
	first int       // rows that each picture has
	codes [][]int32 // of each picture so far, or nil
	// images decodes pictures from to to−1 of those that are drawn.
	images func(ctx context.Context, from, to int) ([]*image.NRGBA, error)
}

// reporter returns the function that reports a batch to the callback; nil without a callback.
func (j *job) reporter(batch []Generated) func(state) {
	if j.options.Rows == nil {
		return nil
	}
	before := j.progress.Done
	return func(s state) {
		j.progress.Done = before + s.units*len(batch)
		r := j.progress
		r.First, r.Pictures, r.over = s.first, slices.Clone(batch), new(bool)
		r.images = func(ctx context.Context) ([]*image.NRGBA, error) { return s.images(ctx, 0, len(batch)) }
		for i := range s.codes {
			r.Pictures[i].Codes = s.codes[i]
		}
		defer func() { *r.over = true }()
		j.options.Rows(r)
	}
}
