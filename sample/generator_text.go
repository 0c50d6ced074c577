package sample

import (
	"context"
	"image"

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
	shown := p.data
	if own, ok := p.shown[g.name()]; ok {
		shown = own
	}
	return &Generator{
		Model: g.name(), Run: p.run, Size: p.Size(), Channels: p.Channels(), Data: shown, Draw: draw, Reconstruct: reconstruct,
		Unguided: g.text().nullProb == 0,
	}, nil
}

// drawFor draws a picture for each request; equal prompts get different pictures.
func (p *TextToImage) drawFor(ctx context.Context, model string, requests []Request, o DrawOptions) ([]*image.NRGBA, error) {
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
	all, done := make([]*image.NRGBA, len(requests)), 0
	for round := range longest { // picture number round of each prompt
		var some []string
		for _, prompt := range prompts {
			if len(places[prompt]) > round {
				some = append(some, prompt)
			}
		}
		g := GenerateOptions{
			Model: model, Prompts: some, Seed: o.Seed + uint64(round), Sampling: o.Sampling, Truncate: true,
			Steps: o.Solving.Steps, Solver: o.Solving.Solver, GuidanceFrom: o.Solving.GuidanceFrom, GuidanceTo: o.Solving.GuidanceTo,
		}
		if o.Progress != nil {
			g.Rows = func(r Rows) { o.Progress(done+len(some)*r.Done/r.Total, len(requests)) }
		}
		pictures, err := p.Generate(ctx, g)
		if err != nil {
			return nil, err
		}
		for i, picture := range pictures {
			all[places[some[i]][round]] = picture.Image
		}
		done += len(some)
	}
	return all, nil
}
