package sample

import (
	"cmp"
	"context"
	"image"
	"slices"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/ranks"
	"github.com/bestiary-ml/bestiary/nn/sampling"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Options say what [Flow.Sample] draws. The zero value draws one picture of the first class.
type Options struct {
	Class      string            // one of Classes; "" is the first
	N          int               // pictures; 0 is 1
	Seed       uint64            // the same seed gives the same pictures
	Candidates int               // draw this many and keep the N with the highest density; 0 draws N
	Sampling   *sampling.Options // nil is sampling.Default(); a flow has Temperature, and a TarFlow Guidance, see [Flow.Sample]

	// Progress is called after each batch with the number of candidates that are drawn and that will be; may be nil. It must
	// not call methods of pipelines on the same device.
	Progress func(done, total int)
}

// Validate returns a [*fault.FieldError] for a value that no flow allows.
func (o Options) Validate() error {
	if err := checkCounts(o.N, o.Candidates); err != nil {
		return err
	}
	s := settings(o.Sampling)
	if err := s.Validate(); err != nil {
		return err
	}
	switch {
	case s.TopK != 0:
		return fault.Field("TopK", s.TopK, "must be 0: a flow samples no tokens")
	case s.TopP != 0 && s.TopP != 1:
		return fault.Field("TopP", s.TopP, "must be 0: a flow samples no tokens")
	}
	return nil
}

// Check returns the error that Sample has for options that no flow allows, or that this one can't use: a [*fault.FieldError].
func (p *Flow) Check(o Options) error {
	if err := cmp.Or(p.RequireFlow(), o.Validate()); err != nil {
		return err
	}
	_, err := p.latents.sampler(drawing{guidance: cmp.Or(settings(o.Sampling).Guidance, 1)})
	return err
}

// Picture is a sample.
type Picture struct {
	Image      *image.NRGBA
	Embedding  []float32 // [E]
	LogDensity float64   // ln p(embedding | class) in nats: the density under the flow, whatever the temperature and the guidance
}

// Sample draws pictures of a class, sorted by density from the highest.
//
// Temperature scales the latent noise, and 0 draws the mode of the base distribution. A TarFlow has classifier-free
// guidance; 1 and 0 are off. Its samples are denoised (see [tarflow.Flow.Denoise]), and picture i before the sorting depends
// on the seed, the class and i only, not on N.
func (p *Flow) Sample(ctx context.Context, o Options) ([]Picture, error) {
	return exclusive(ctx, p.device, func() ([]Picture, error) { return p.sample(ctx, o) })
}

// SampleClasses is Sample for several classes, in their order. It sets the Class of the options itself. Ranks that draw together share the
// classes if there are as many as ranks; otherwise they share the pictures of each.
func (p *Flow) SampleClasses(ctx context.Context, classes []string, o Options) ([][]Picture, error) {
	return exclusive(ctx, p.device, func() (all [][]Picture, err error) {
		draw := func(lo, hi int) (some [][]Picture, err error) {
			own := o
			for _, own.Class = range classes[lo:hi] {
				pictures, err := p.sample(ctx, own)
				if err != nil {
					return nil, err
				}
				some = append(some, pictures)
			}
			return some, nil
		}
		if len(classes) < ranks.Evaluators(p.device) {
			return draw(0, len(classes))
		}
		return ranks.Divide(p.device, len(classes), 1, draw)
	})
}

func (p *Flow) sample(ctx context.Context, o Options) ([]Picture, error) {
	if err := p.RequireFlow(); err != nil {
		return nil, err
	}
	if err := o.Validate(); err != nil {
		return nil, err
	}
	class, err := p.Class(o.Class)
	if err != nil {
		return nil, err
	}
	o.N = cmp.Or(o.N, 1)
	if err := checkPixels("N", o.N, p.Size()); err != nil {
		return nil, err
	}
	best, err := p.densest(ctx, class, o)
	if err != nil {
		return nil, err
	}
	embeddings := make([]float32, 0, len(best)*p.Embedding()) // [N, E]
	for _, s := range best {
		embeddings = append(embeddings, s.Embedding...)
	}
	images, err := p.decode(ctx, embeddings)
	if err != nil {
		return nil, err
	}
	for i := range best {
		best[i].Image = images[i]
	}
	return best, nil
}

// densest draws the candidates and returns the N with the highest density, without images. It holds a few times N
// candidates in memory, however many are drawn.
func (p *Flow) densest(ctx context.Context, class int, o Options) ([]Picture, error) {
	total, how := max(o.Candidates, o.N), settings(o.Sampling)
	draw, err := p.latents.sampler(drawing{
		random:      tensor.NewGenerator(o.Seed).Fork("sample " + p.data.Classes[class]),
		temperature: how.Temperature, guidance: cmp.Or(how.Guidance, 1),
	})
	if err != nil {
		return nil, err
	}
	var best []Picture
	keep := func() {
		slices.SortStableFunc(best, func(a, b Picture) int { return cmp.Compare(b.LogDensity, a.LogDensity) })
		best = slices.Clip(best[:min(len(best), o.N)])
	}
	rows := p.latents.rows()
	for done := 0; done < total; {
		n := min(rows*ranks.Evaluators(p.device), total-done) // a batch for each rank, so that few wait at a time
		drawn, err := ranks.Divide(p.device, n, rows, func(lo, hi int) ([]Picture, error) {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			return p.draw(done+lo, slices.Repeat([]int{class}, hi-lo), draw)
		})
		if err != nil {
			return nil, err
		}
		if done += n; o.Progress != nil {
			o.Progress(done, total)
		}
		if best = append(best, drawn...); len(best) > 2*o.N+batch*ranks.Evaluators(p.device) {
			keep()
		}
	}
	keep()
	return best, nil
}

// draw samples embeddings of some classes, for pictures from first on.
func (p *Flow) draw(first int, classes []int, sampler sampler) ([]Picture, error) {
	step := p.device.Scratch()
	defer step.End()
	condition, err := p.condition(classes)
	if err != nil {
		return nil, err
	}
	x, logProb, err := sampler(first, condition) // [n, E], [n]
	if err != nil {
		return nil, err
	}
	values, densities, dim := x.Values(), logProb.Values(), p.Embedding()
	all := make([]Picture, len(classes))
	for i := range all {
		all[i] = Picture{Embedding: slices.Clone(values[i*dim : (i+1)*dim]), LogDensity: float64(densities[i])}
	}
	return all, nil
}

// SampleEmbeddings draws an embedding for each of the given numbers of classes, at temperature 1: [N, E].
func (p *Flow) SampleEmbeddings(ctx context.Context, classes []int, seed uint64) ([]float32, error) {
	return exclusive(ctx, p.device, func() ([]float32, error) {
		if err := p.RequireFlow(); err != nil {
			return nil, err
		}
		draw, err := p.latents.sampler(drawing{random: tensor.NewGenerator(seed).Fork("evaluate"), temperature: 1, guidance: 1})
		if err != nil {
			return nil, err
		}
		return ranks.Divide(p.device, len(classes), p.latents.rows(), func(lo, hi int) (some []float32, err error) {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			drawn, err := p.draw(lo, classes[lo:hi], draw)
			for _, s := range drawn {
				some = append(some, s.Embedding...)
			}
			return some, err
		})
	})
}
