package maskgit

import (
	"cmp"
	"context"
	"math"
	"slices"
	"sync"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/caption"
	"github.com/bestiary-ml/bestiary/internal/require"
	"github.com/bestiary-ml/bestiary/nn/sampling"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Options say how codes are sampled.
type Options struct {
	Sampling sampling.Options // of each code; Temperature 0 is greedy and switches Choice off
	Passes   int              // 0 is 12
	// Choice is the temperature of the Gumbel noise on the confidence of codes at the first pass; it falls linearly to 0 at
	// the last. More is more varied. It is the "choice temperature" of the reference code, whose value is 4.5.
	Choice float64
}

// DefaultOptions samples from the model's own distribution in 12 passes.
func DefaultOptions() Options { return Options{Sampling: sampling.Default(), Choice: 4.5} }

const (
	defaultPasses = 12
	maxPasses     = 10_000
)

// Resolve replaces Passes of 0 by its default. It returns a [*fault.FieldError] for a value that is not allowed.
func (o Options) Resolve() (Options, error) {
	if o.Passes == 0 {
		o.Passes = defaultPasses
	}
	if o.Passes < 1 || o.Passes > maxPasses {
		return o, fault.Field("Passes", o.Passes, "must be from 1 to %d, or 0 for %d", maxPasses, defaultPasses)
	}
	if err := require.Between("Choice", o.Choice, 0, 1e6); err != nil {
		return o, err
	}
	return o, o.Sampling.Validate()
}

// Picture is a picture to generate.
type Picture struct {
	Text   []int32           // the caption, up to TextLen ids; 0 is padding
	Known  []int32           // Height·Width codes that are kept, [Masked] where they are to be sampled; nil samples all
	Random *tensor.Generator // for this picture alone, as pictures are sampled in parallel; may be nil at temperature 0
}

// PassFunc is called after each pass with the codes of each picture: those that are kept, and samples of the others. They
// must not be kept after the call.
type PassFunc func(passes int, codes [][]int32)

// Generate samples pictures together and returns the Height·Width codes of each, row by row. Each picture has its own
// generator, so that it doesn't depend on the others, up to the rounding of sums. pass may be nil.
//
// The confidence of a sampled code is its log-probability plus Gumbel noise, see [Options]. The numbers of masked codes
// follow the cosine of the package comment, for the codes that are not known.
//
// Errors are a [*fault.FieldError] of the options or of a picture ("Text", "Known", "Random"), the context's, a
// [*sampling.LogitsError] of a model that is not trained well, and those that [fault.Catch] returns.
func (m *Model) Generate(ctx context.Context, pictures []Picture, o Options, pass PassFunc) (codes [][]int32, err error) {
	defer fault.Catch(&err)
	if o, err = o.Resolve(); err != nil {
		return nil, err
	}
	if err := m.check(pictures, o); err != nil || len(pictures) == 0 {
		return nil, err
	}
	r := &run{model: m, options: o, pictures: pictures}
	cells := m.config.Cells()
	for _, p := range pictures {
		known := p.Known
		if known == nil {
			known = slices.Repeat([]int32{Masked}, cells)
		}
		unknown := 0
		for _, code := range known {
			if code == Masked {
				unknown++
			}
		}
		r.codes, r.sampled = append(r.codes, slices.Clone(known)), append(r.sampled, slices.Clone(known))
		r.unknown = append(r.unknown, unknown)
	}
	for n := 1; n <= o.Passes; n++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := r.pass(n); err != nil {
			return nil, err
		}
		if pass != nil {
			pass(n, r.sampled)
		}
	}
	return r.codes, nil
}

func (m *Model) check(pictures []Picture, o Options) error {
	c := m.config
	for i, p := range pictures {
		if err := caption.Check(p.Text, c.TextLen, c.TextTokens); err != nil {
			return err
		}
		if p.Known != nil && len(p.Known) != c.Cells() {
			return fault.Field("Known", nil, "picture %d has %d codes; a picture of this model has %d", i+1, len(p.Known), c.Cells())
		}
		for _, code := range p.Known {
			if code < Masked || int(code) >= c.ImageCodes {
				return fault.Field("Known", nil, "picture %d has code %d, but this model has 0 to %d; use the codebook that it was trained with", i+1, code, c.ImageCodes-1)
			}
		}
		if p.Random == nil && o.Sampling.Temperature != 0 {
			return fault.Field("Random", nil, "picture %d has no generator; it needs one unless Temperature is 0", i+1)
		}
	}
	return nil
}

// run is one call of Generate.
type run struct {
	model    *Model
	options  Options
	pictures []Picture
	codes    [][]int32 // of each picture, some masked
	sampled  [][]int32 // the same with samples of the masked ones
	unknown  []int     // codes of each picture that are sampled
}

// pass samples all masked codes, and keeps those of the highest confidence. Pictures are sampled in parallel.
func (r *run) pass(n int) error {
	logits, width := r.logits(), r.model.config.ImageCodes
	failures := make([]error, len(r.codes))
	var all sync.WaitGroup
	for i, codes := range r.codes {
		masked := 0
		for _, code := range codes {
			if code == Masked {
				masked++
			}
		}
		own := logits[:masked*width]
		logits = logits[masked*width:]
		all.Go(func() { failures[i] = r.sample(i, n, own) })
	}
	all.Wait()
	return cmp.Or(failures...)
}

// sample samples the masked codes of picture i in pass n by their logits, and keeps those of the highest confidence.
func (r *run) sample(i, n int, logits []float32) error {
	o, codes, sampled, random := r.options, r.codes[i], r.sampled[i], r.pictures[i].Random
	done := float64(n) / float64(o.Passes)
	noise := o.Choice * (1 - done)
	if o.Sampling.Temperature == 0 {
		noise = 0
	}
	type choice struct {
		cell       int
		confidence float64
	}
	var choices []choice
	sampler, width := sampling.New(o.Sampling), r.model.config.ImageCodes
	copy(sampled, codes)
	for cell, code := range codes {
		if code != Masked {
			continue
		}
		own := logits[:width]
		logits = logits[width:]
		code, err := sampler.Sample(own, random)
		if err != nil {
			return err
		}
		c := choice{cell, logProbability(own, code)}
		if noise > 0 {
			c.confidence += noise * gumbel(random)
		}
		sampled[cell], choices = code, append(choices, c)
	}
	left := int(math.Cos(math.Pi/2*done) * float64(r.unknown[i]))
	if n == o.Passes {
		left = 0
	}
	slices.SortStableFunc(choices, func(a, b choice) int { return cmp.Compare(b.confidence, a.confidence) })
	for _, c := range choices[:max(0, len(choices)-left)] {
		codes[c.cell] = sampled[c.cell]
	}
	return nil
}

// logits returns the guided logits of all masked codes, [M, ImageCodes]. With guidance, the batch has each picture twice:
// first all of them with their captions, then all of them without.
func (r *run) logits() []float32 {
	codes, captions := slices.Concat(r.codes...), make([][]int32, 0, 2*len(r.codes))
	if !slices.Contains(codes, Masked) {
		return nil
	}
	for _, p := range r.pictures {
		captions = append(captions, p.Text)
	}
	guided := r.options.Sampling.Guidance != 1
	if guided {
		codes, captions = append(codes, codes...), append(captions, make([][]int32, len(r.codes))...)
	}
	step := r.model.device.Scratch()
	defer step.End()
	logits := r.model.Logits(codes, captions).Values()
	if guided {
		half := len(logits) / 2
		r.options.Sampling.Guide(logits[:half], logits[half:])
		logits = logits[:half]
	}
	return logits
}

// logProbability is log softmax(logits)[code].
func logProbability(logits []float32, code int32) float64 {
	highest, sum := float64(slices.Max(logits)), 0.0
	for _, l := range logits {
		sum += math.Exp(float64(l) - highest)
	}
	return float64(logits[code]) - highest - math.Log(sum)
}

// gumbel draws a number from the standard Gumbel distribution.
func gumbel(g *tensor.Generator) float64 {
	const least = 1e-12
	return -math.Log(-math.Log(max(sampling.Uniform(g), least)))
}
