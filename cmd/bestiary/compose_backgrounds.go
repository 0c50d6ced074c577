package main

import (
	"fmt"
	"image"
	"math"

	"github.com/disintegration/imaging"
	"github.com/spf13/cobra"
)

// inputs are the files that are read.
func (f *composeFlags) inputs() (all []string) {
	for _, p := range f.photos {
		all = append(all, p.path)
	}
	return all
}

// side returns the side of composed pictures of animals that are drawn with a size.
func (f *composeFlags) side(size int) int {
	if f.background == "" {
		return size
	}
	return int(math.Round(float64(size) / f.scale))
}

// prepare decodes the backgrounds of n pictures that are drawn with a size: a broken one is found before they are drawn.
func (f *composeFlags) prepare(c *cobra.Command, seed uint64, n, size int) error {
	if !leads(c) {
		return nil
	}
	for i := range min(n, len(f.photos)) {
		if _, _, err := f.under(i, seed, f.side(size)); err != nil {
			return err
		}
	}
	return nil
}

// under returns the background of picture i, side×side pixels from the centre of a photo, and the path of the photo.
func (f *composeFlags) under(i int, seed uint64, side int) (*image.NRGBA, string, error) {
	n := uint64(len(f.photos))
	p := f.photos[(seed%n+uint64(i))%n]
	if f.squares[p.path] == nil {
		m, err := p.read()
		if err != nil {
			return nil, "", fmt.Errorf("--compose: %w", err)
		}
		if f.squares == nil {
			f.squares = map[string]*image.NRGBA{}
		}
		f.squares[p.path] = imaging.Fill(m.NRGBA(), side, side, imaging.Center, imaging.Lanczos)
	}
	return f.squares[p.path], p.path, nil
}
