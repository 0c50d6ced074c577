package sample

import (
	"context"
	"image"

	"github.com/bestiary-ml/bestiary/models"
)

// Generator returns the DALL-E as a [Generator] that draws for prompts. Without a DALL-E it is an error, see RequireDALLE.
func (p *TextToImage) Generator() (*Generator, error) {
	if err := p.RequireDALLE(); err != nil {
		return nil, err
	}
	return &Generator{
		Model: models.DALLE.Name, Run: p.run, Size: p.Size(), Channels: p.Channels(), Data: p.data,
		Draw: p.drawFor, Reconstruct: p.Reconstruct,
	}, nil
}

// drawFor draws a picture for each request; equal prompts get different pictures.
func (p *TextToImage) drawFor(ctx context.Context, requests []Request, o DrawOptions) ([]*image.NRGBA, error) {
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
		g := GenerateOptions{Prompts: some, Seed: o.Seed + uint64(round), Sampling: o.Sampling, Truncate: true}
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
