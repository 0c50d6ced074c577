package dalle

import (
	"context"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/nn/sampling"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Picture is a picture to generate.
type Picture struct {
	Text   []int32           // the caption, up to TextLen ids; 0 is padding
	Prime  []int32           // codes that it begins with, row by row; the same number for each picture of a batch
	Random *tensor.Generator // for this picture alone; may be nil at temperature 0

	Sampling *sampling.Options // of this picture alone; nil is that of the call
}

// options returns how the codes of the picture are sampled.
func (p Picture) options(o sampling.Options) sampling.Options {
	if p.Sampling != nil {
		return *p.Sampling
	}
	return o
}

// RowFunc is called when the first rows of codes of all pictures of a batch are complete. codes holds the codes of each
// picture so far; they must not be kept after the call.
type RowFunc func(rows int, codes [][]int32)

// Generate samples pictures together and returns the Height·Width codes of each, row by row. Each picture has its own
// generator, so that it doesn't depend on the others, up to the rounding of sums. row may be nil.
//
// Errors are a [*fault.FieldError] of the options or of a picture ("Text", "Prime", "Random"), the context's, a
// [*sampling.LogitsError] of a model that is not trained well, and those that [fault.Catch] returns.
func (m *DALLE) Generate(ctx context.Context, pictures []Picture, o sampling.Options, row RowFunc) (codes [][]int32, err error) {
	defer fault.Catch(&err)
	if err := m.checkPictures(pictures, o); err != nil {
		return nil, err
	}
	if len(pictures) == 0 {
		return nil, nil
	}
	step := m.device.Scratch() // holds the cache, so that the next batch finds its memory
	defer step.End()
	b := m.newBatch(pictures, o)
	primed := len(pictures[0].Prime)
	for done := primed; done < m.config.Cells(); {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if done == primed {
			b.prefill(pictures)
		} else {
			b.next(done - 1)
		}
		done++
		if err := b.sample(pictures, done); err != nil {
			return nil, err
		}
		if row != nil && done%m.config.Width == 0 {
			row(done/m.config.Width, b.codes)
		}
	}
	return b.codes, nil
}

func (m *DALLE) checkPictures(pictures []Picture, o sampling.Options) error {
	if err := o.Validate(); err != nil {
		return err
	}
	for i, p := range pictures {
		if err := m.checkText(p.Text); err != nil {
			return err
		}
		switch n := len(p.Prime); {
		case n != len(pictures[0].Prime):
			return fault.Field("Prime", nil, "picture %d begins with %d codes and picture 1 with %d; pictures of a batch must begin with the same number", i+1, n, len(pictures[0].Prime))
		case n >= m.config.Cells():
			return fault.Field("Prime", nil, "picture %d begins with %d codes, but a picture of this model has %d; it must begin with fewer", i+1, n, m.config.Cells())
		}
		for _, code := range p.Prime {
			if code < 0 || int(code) >= m.config.ImageCodes {
				return fault.Field("Prime", nil, "picture %d begins with code %d, but this model has 0 to %d; use the discrete VAE that it was trained with", i+1, code, m.config.ImageCodes-1)
			}
		}
	}
	for i, p := range pictures {
		own := p.options(o)
		if err := own.Validate(); err != nil {
			return err
		}
		if p.Random == nil && own.Temperature != 0 {
			return fault.Field("Random", nil, "picture %d has no generator; it needs one unless Temperature is 0", i+1)
		}
	}
	return nil
}

func (m *DALLE) checkText(text []int32) error {
	if len(text) > m.config.TextLen {
		return fault.Field("Text", nil, "has %d tokens, but this model reads %d; shorten it", len(text), m.config.TextLen)
	}
	for _, id := range text {
		if id < 0 || int(id) >= m.config.TextTokens {
			return fault.Field("Text", nil, "has token %d, but this model has 0 to %d; use the tokenizer that it was trained with", id, m.config.TextTokens-1)
		}
	}
	return nil
}
