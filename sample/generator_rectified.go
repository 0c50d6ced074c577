package sample

import (
	"context"
	"image"
	"math"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/ranks"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/nn/sampling"
	"github.com/bestiary-ml/bestiary/rectified"
	"github.com/bestiary-ml/bestiary/tensor"
)

// rectifiedGenerator is the generator that solves a differential equation in the latent.
type rectifiedGenerator struct{ *rectified.Model }

func (g rectifiedGenerator) name() string { return rectifiedName }

func (g rectifiedGenerator) text() textFormat {
	c := g.Config()
	return textFormat{c.TextTokens, c.TextLen, c.NullProb}
}

func (g rectifiedGenerator) agree(m *TextToImageModels) error {
	if m.KL == nil {
		return nil
	}
	c, k := g.Config(), m.KL.Config()
	if c.Height != k.Grid() || c.Width != k.Grid() || c.Channels != k.Embed {
		return fault.Field("Rectified", nil, "the rectified draws latents of %d×%d×%d, the kl has %d×%d×%d", c.Height, c.Width, c.Channels, k.Grid(), k.Grid(), k.Embed)
	}
	return nil
}

func (g rectifiedGenerator) require(p *TextToImage) error { return p.RequireKL() }

// RequireKL returns a [*fault.Missing] unless there is an autoencoder with continuous latents.
func (p *TextToImage) RequireKL() error {
	if p.models.KL == nil {
		return p.missing(models.KL.Name)
	}
	return nil
}

func (g rectifiedGenerator) sampling() sampling.Options {
	o := sampling.Default()
	if g.Config().NullProb > 0 {
		o.Guidance = 3
	}
	return o
}

func (g rectifiedGenerator) scratch() int {
	c := g.Config()
	return 2 * 4 * (c.TextLen + c.Tokens()) * c.Dim * (16 + 3*c.FFMult)
}

func (g rectifiedGenerator) plan(p *TextToImage, o GenerateOptions) (plan, error) {
	const codes = "which generates no codes"
	s := *o.Sampling
	if err := refuse(g.name(),
		refused{"Temperature", s.Temperature, s.Temperature != 1, codes + " to sample"}, refused{"TopK", s.TopK, s.TopK != 0, codes},
		refused{"TopP", s.TopP, s.TopP != 0 && s.TopP != 1, codes}, refused{"Choice", nil, o.Choice != nil, codes},
	); err != nil {
		return nil, err
	}
	options, err := rectified.Options{Solver: rectified.Solver(o.Solver), Steps: o.Steps, Tolerance: o.Tolerance, Guidance: s.Guidance, GuidanceFrom: o.GuidanceFrom, GuidanceTo: o.GuidanceTo}.Resolve()
	if err != nil {
		return nil, err
	}
	r := &rectifiedPlan{TextToImage: p, options: options, picture: o.Prime}
	c := g.Config()
	r.keep, err = p.kept(o, c.Height, c.Width)
	return r, err
}

// rectifiedPlan is the plan of a rectifiedGenerator.
type rectifiedPlan struct {
	*TextToImage
	options rectified.Options
	picture *image.NRGBA // of which a part is kept, or nil
	known   []float32    // its latent, once it is encoded
	keep    []bool       // its cells that are kept
}

func (r *rectifiedPlan) key() any { return r.options }

func (r *rectifiedPlan) prepare(ctx context.Context) (err error) {
	if r.picture != nil && r.known == nil {
		r.known, err = r.latents(ctx, r.pixels(r.picture))
	}
	return err
}

func (r *rectifiedPlan) units() int {
	if r.options.Solver == rectified.Adaptive {
		return 100
	}
	return r.options.Steps
}

func (r *rectifiedPlan) draw(ctx context.Context, pictures []Generated, requests []request, report func(state)) error {
	var all []rectified.Picture
	for _, q := range requests {
		own := q.own.(*rectifiedPlan)
		all = append(all, rectified.Picture{Text: q.text, Random: q.random, Known: own.known, Keep: own.keep})
	}
	var progress rectified.Progress
	if report != nil {
		progress = func(done float64, estimates []float32) {
			report(state{
				units: int(math.Round(done * float64(r.units()))), first: r.models.Rectified.Config().Height,
				images: func(ctx context.Context, from, to int) ([]*image.NRGBA, error) {
					one := len(estimates) / len(pictures)
					return r.decodeLatents(ctx, estimates[from*one:to*one])
				},
			})
		}
	}
	latents, evaluations, err := r.models.Rectified.Generate(ctx, all, r.options, progress)
	if err != nil {
		return err
	}
	images, err := r.decodeLatents(ctx, latents)
	if err != nil {
		return err
	}
	for i := range pictures {
		pictures[i].Image, pictures[i].Evaluations = images[i], evaluations[i]
	}
	return nil
}

// latents returns the latents [N, G, G, C] of pictures, pixels [N, S, S, C].
func (p *TextToImage) latents(ctx context.Context, pixels []uint8) ([]float32, error) {
	if err := p.RequireKL(); err != nil {
		return nil, err
	}
	return inBatches(ctx, p, pixels, func(x *tensor.Tensor) []float32 { return p.models.KL.Encode(x).Values() })
}

// reconstructLatents decodes the latents of pictures, pixels [N, S, S, C].
func (p *TextToImage) reconstructLatents(ctx context.Context, pixels []uint8) ([]*image.NRGBA, error) {
	return exclusive(ctx, p.device, func() ([]*image.NRGBA, error) {
		latents, err := p.latents(ctx, pixels)
		if err != nil {
			return nil, err
		}
		return p.decodeLatents(ctx, latents)
	})
}

// decodeLatents returns the pictures of latents [N, G, G, C].
func (p *TextToImage) decodeLatents(ctx context.Context, latents []float32) ([]*image.NRGBA, error) {
	c := p.models.KL.Config()
	one := c.Grid() * c.Grid() * c.Embed
	return ranks.Divide(p.device, len(latents)/one, p.atOnce(), func(lo, hi int) ([]*image.NRGBA, error) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		return p.decodeLatentBatch(latents[lo*one:hi*one], hi-lo)
	})
}

func (p *TextToImage) decodeLatentBatch(latents []float32, n int) ([]*image.NRGBA, error) {
	c := p.models.KL.Config()
	step := p.device.Scratch()
	defer step.End()
	values := p.models.KL.Decode(p.device.From(latents, n, c.Grid(), c.Grid(), c.Embed)).Values() // [n, S, S, C]
	return Pixels(values, n, c.ImageSize, c.ImageSize)
}
