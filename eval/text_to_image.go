package eval

import (
	"context"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/sample"
)

// TextToImageReport has the measures of a text-to-image pipeline; those of models that it lacks are nil.
type TextToImageReport struct {
	Pictures  int               `json:"pictures"`
	Codec     *CodecFigures     `json:"codec,omitempty"`
	DALLE     *DALLEFigures     `json:"dalle,omitempty"`
	CLIP      *CLIPFigures      `json:"clip,omitempty"`
	Generated *GeneratedFigures `json:"generated,omitempty"` // needs all three models
	Quality   *Quality          `json:"quality,omitempty"`   // of generated pictures, see Reference.Measure; nil if not measured
}

// Options say what [EvaluateTextToImage] does beyond measuring models on pictures.
type Options struct {
	Generated int               // pictures to generate for CLIP to score, at most one for each given picture; 0 for none
	Seed      uint64            // of these pictures
	Begin     func(what string) // called before each measurement with its name; may be nil
	Rows      func(sample.Rows) // as in sample.GenerateOptions; may be nil
}

// MaxGenerated is the largest Generated.
const MaxGenerated = sample.MaxPrompts

// Validate returns a [*fault.FieldError] for a value that is not allowed.
func (o Options) Validate() error {
	if o.Generated < 0 || o.Generated > MaxGenerated {
		return fault.Field("Generated", o.Generated, "must be from 0 (none) to %d pictures", MaxGenerated)
	}
	return nil
}

// EvaluateTextToImage measures the models of a pipeline on held-out pictures. The pictures need captions unless the
// pipeline has a codec only.
func EvaluateTextToImage(ctx context.Context, p *sample.TextToImage, d *data.Dataset, o Options) (*TextToImageReport, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if err := check(p, d); err != nil {
		return nil, err
	}
	r := &TextToImageReport{Pictures: d.Len()}
	there := map[string]bool{}
	codec := ""
	for _, name := range p.Models() {
		there[name] = true
		if k, _ := models.Lookup(name); k.Codec {
			codec = name
		}
	}
	for _, m := range []struct {
		what    string
		there   bool
		measure func() error
	}{
		{codec, codec != "", func() (err error) { r.Codec, err = MeasureCodec(ctx, p, d); return err }},
		{models.DALLE.Name, there[models.DALLE.Name], func() (err error) { r.DALLE, err = MeasureDALLE(ctx, p, d); return err }},
		{models.CLIP.Name, there[models.CLIP.Name], func() (err error) { r.CLIP, err = MeasureCLIP(ctx, p, d); return err }},
		{"generated pictures", there[models.DALLE.Name] && there[models.CLIP.Name] && o.Generated > 0, func() (err error) {
			r.Generated, err = MeasureGenerated(ctx, p, d, o.Generated, sample.GenerateOptions{Seed: o.Seed, Rows: o.Rows})
			return err
		}},
	} {
		if !m.there {
			continue
		}
		if o.Begin != nil {
			o.Begin(m.what)
		}
		if err := m.measure(); err != nil {
			return nil, err
		}
	}
	return r, nil
}
