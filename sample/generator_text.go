package sample

import (
	"context"
	"image"
	"slices"

	"github.com/bestiary-ml/bestiary/internal/ranks"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/tensor"
)

// openTextGenerator returns the function that opens the generator of that name in a run folder.
func openTextGenerator(model string) openGenerator {
	return func(ctx context.Context, dir string, d *tensor.Device) (*Generator, error) {
		p, err := OpenTextToImage(ctx, dir, d)
		if err != nil {
			return nil, err
		}
		return p.GeneratorOf(model)
	}
}

// Generator is GeneratorOf for the only generator.
func (p *TextToImage) Generator() (*Generator, error) { return p.GeneratorOf("") }

// GeneratorOf returns the generator of that name ("": the only one) as a [Generator] that draws for prompts. The error is
// that of RequireGenerator.
func (p *TextToImage) GeneratorOf(model string) (*Generator, error) {
	if err := p.RequireGenerator(model); err != nil {
		return nil, err
	}
	g, err := p.generator(model)
	if err != nil {
		return nil, err
	}
	draw := func(ctx context.Context, requests []Request, o DrawOptions) ([]*image.NRGBA, error) {
		return p.drawFor(ctx, g.name(), requests, o)
	}
	reconstruct := p.Reconstruct
	if g.name() == models.Rectified.Name {
		reconstruct = p.reconstructLatents
	}
	guidance := 0.0
	if g.text().nullProb > 0 {
		guidance = g.sampling().Guidance
	}
	shown := p.data
	if own, ok := p.shown[g.name()]; ok {
		shown = own
	}
	return &Generator{
		Model: g.name(), Run: p.run, Size: p.Size(), Channels: p.Channels(), Data: shown, Draw: draw, Reconstruct: reconstruct,
		Guidance: guidance,
	}, nil
}

// drawFor draws a picture for each request; equal prompts get different pictures.
func (p *TextToImage) drawFor(ctx context.Context, model string, requests []Request, o DrawOptions) ([]*image.NRGBA, error) {
	if err := checkPixels("Samples", len(requests), p.Size()); err != nil {
		return nil, err
	}
	parts := drawnTogether(requests)
	before, n := make([]int, len(parts)), 0 // requests in the parts before each
	for i, part := range parts {
		before[i] = n
		n += len(part.places)
	}
	images, err := ranks.Divide(p.device, len(parts), 1, func(i, _ int) (images []*image.NRGBA, err error) {
		part := parts[i]
		g := GenerateOptions{
			Model: model, Seed: o.Seed + uint64(part.round), Sampling: o.Sampling, Truncate: true, // #nosec G115 -- a count
			Steps: o.Solving.Steps, Solver: o.Solving.Solver, GuidanceFrom: o.Solving.GuidanceFrom, GuidanceTo: o.Solving.GuidanceTo,
		}
		for _, place := range part.places {
			g.Prompts = append(g.Prompts, requests[place].Prompt)
		}
		if o.Progress != nil {
			g.Rows = func(r Rows) { o.Progress(before[i]+len(part.places)*r.Done/r.Total, len(requests)) }
		}
		pictures, err := p.Generate(ctx, g)
		for _, picture := range pictures {
			images = append(images, picture.Image)
		}
		return images, err
	})
	if err != nil {
		return nil, err
	}
	all := make([]*image.NRGBA, len(requests))
	for i, part := range parts {
		for k, place := range part.places {
			all[place] = images[before[i]+k]
		}
	}
	return all, nil
}

// part are requests for different prompts that are drawn together.
type part struct {
	round  int   // number of requests for the same prompt before each
	places []int // among the requests
}

// drawnTogether divides requests into parts of at most generateBatch: first those for the first picture of each prompt, then those for
// the second.
func drawnTogether(requests []Request) (parts []part) {
	places := map[string][]int{} // of each prompt among the requests
	longest := 0
	var prompts []string // without repetition
	for i, r := range requests {
		if places[r.Prompt] == nil {
			prompts = append(prompts, r.Prompt)
		}
		places[r.Prompt] = append(places[r.Prompt], i)
		longest = max(longest, len(places[r.Prompt]))
	}
	for round := range longest {
		var all []int
		for _, prompt := range prompts {
			if len(places[prompt]) > round {
				all = append(all, places[prompt][round])
			}
		}
		for some := range slices.Chunk(all, generateBatch) {
			parts = append(parts, part{round, some})
		}
	}
	return parts
}
