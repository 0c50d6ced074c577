package sample

import (
	"context"
	"image"
)

// SaveReconstructions writes pictures, RGB pixels [N, S, S, 3], above their reconstructions.
func SaveReconstructions(path string, pixels []uint8, size int, made []*image.NRGBA) error {
	grid, err := Grid(Layout{}, Interleave(Columns(len(made)),
		Section{Title: "original", Images: Split(pixels, size)}, Section{Title: "reconstruction", Images: made})...)
	if err != nil {
		return err
	}
	return SavePNG(path, grid)
}

// SaveClasses writes samples of every class, a section each.
func SaveClasses(path string, p *Pets, n int, temperature float64, seed uint64) error {
	var sections []Section
	for _, class := range p.Classes() {
		pictures, err := p.Sample(context.Background(), Options{Class: class, N: n, Temperature: temperature, Seed: seed})
		if err != nil {
			return err
		}
		section := Section{Title: class}
		for _, s := range pictures {
			section.Images = append(section.Images, s.Image)
		}
		sections = append(sections, section)
	}
	grid, err := Grid(Layout{}, sections...)
	if err != nil {
		return err
	}
	return SavePNG(path, grid)
}
