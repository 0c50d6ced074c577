package sample

import (
	"cmp"
	"context"
	"image"
	"slices"

	"github.com/bestiary-ml/bestiary/internal/ranks"
	"github.com/bestiary-ml/bestiary/nn/sampling"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Generator returns the flow as a [Generator]. Without a trained flow it is an error, see RequireFlow.
func (p *Flow) Generator() (*Generator, error) {
	if err := p.RequireFlow(); err != nil {
		return nil, err
	}
	_, flow := p.latents.kinds()
	guidance := 0.0
	if p.models.TarFlow != nil && len(p.Classes()) > 1 {
		guidance = sampling.Default().Guidance
	}
	return &Generator{
		Guidance: guidance,
		Model:    flow, Run: p.run, Size: p.Size(), Channels: p.Channels(), Data: p.data, Classes: p.Classes(),
		Draw: func(ctx context.Context, requests []Request, o DrawOptions) ([]*image.NRGBA, error) {
			return exclusive(ctx, p.device, func() ([]*image.NRGBA, error) { return p.drawFor(ctx, requests, o) })
		},
		LogDensity: func(ctx context.Context, pixels []uint8) ([][]float64, error) {
			embeddings, err := p.Embed(ctx, pixels)
			if err != nil {
				return nil, err
			}
			if embeddings, err = p.Perturb(ctx, embeddings, 0); err != nil {
				return nil, err
			}
			return p.LogProb(ctx, embeddings)
		},
		Reconstruct: p.Reconstruct,
	}, nil
}

// drawFor draws a picture for each request. The pictures of a class are those of Sample, in the order of drawing.
func (p *Flow) drawFor(ctx context.Context, requests []Request, o DrawOptions) ([]*image.NRGBA, error) {
	if err := checkPixels("Samples", len(requests), p.Size()); err != nil {
		return nil, err
	}
	if err := (Options{Sampling: o.Sampling}).Validate(); err != nil {
		return nil, err
	}
	_, flow := p.latents.kinds()
	if err := o.Solving.refuse(flow); err != nil {
		return nil, err
	}
	all, done := make([]*image.NRGBA, len(requests)), 0
	for class, name := range p.data.Classes {
		var places []int // of the requests for the class
		for i, r := range requests {
			if r.Class == class {
				places = append(places, i)
			}
		}
		how := settings(o.Sampling)
		draw, err := p.latents.sampler(drawing{
			random:      tensor.NewGenerator(o.Seed).Fork("sample " + name),
			temperature: how.Temperature, guidance: cmp.Or(how.Guidance, 1),
		})
		if err != nil {
			return nil, err
		}
		images, err := ranks.Divide(p.device, len(places), p.latents.rows(), func(lo, hi int) ([]*image.NRGBA, error) {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			drawn, err := p.draw(lo, slices.Repeat([]int{class}, hi-lo), draw)
			if err != nil {
				return nil, err
			}
			var embeddings []float32
			for _, s := range drawn {
				embeddings = append(embeddings, s.Embedding...)
			}
			if o.Progress != nil {
				o.Progress(done+hi, len(requests))
			}
			return p.decodeBatch(embeddings)
		})
		if err != nil {
			return nil, err
		}
		for i, img := range images {
			all[places[i]] = img
		}
		done += len(places)
	}
	return all, nil
}
