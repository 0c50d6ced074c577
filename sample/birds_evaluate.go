package sample

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/dvae"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/tokenizer"
)

// BirdEvaluation holds the figures of a pipeline on pictures that it wasn't trained on: of each model that is there.
type BirdEvaluation struct {
	Pictures  int               `json:"pictures"`
	VAE       *VAEFigures       `json:"dvae,omitempty"`
	DALLE     *DALLEFigures     `json:"dalle,omitempty"`
	CLIP      *CLIPFigures      `json:"clip,omitempty"`
	Generated *GeneratedFigures `json:"generated,omitempty"` // takes all three
}

// EvaluateOptions say what Evaluate does beyond measuring models on pictures.
type EvaluateOptions struct {
	Generated int               // pictures to generate for CLIP to judge, at most one for each given; 0 means none
	Seed      uint64            // of those
	Begin     func(what string) // told what is measured next; may be nil
	Rows      func(Rows)        // see GenerateOptions
}

// Evaluate measures the models on held-out pictures, which need captions unless there is a discrete VAE alone.
func (b *Birds) Evaluate(ctx context.Context, d *data.Dataset, o EvaluateOptions) (*BirdEvaluation, error) {
	begin := func(what string) {
		if o.Begin != nil {
			o.Begin(what)
		}
	}
	e := &BirdEvaluation{Pictures: d.Len()}
	var err error
	if b.vae != nil {
		begin("dvae")
		if e.VAE, err = b.MeasureVAE(ctx, d); err != nil {
			return nil, err
		}
	}
	if b.dalle != nil {
		begin("dalle")
		if e.DALLE, err = b.MeasureDALLE(ctx, d); err != nil {
			return nil, err
		}
	}
	if b.clip != nil {
		begin("clip")
		if e.CLIP, err = b.MeasureCLIP(ctx, d); err != nil {
			return nil, err
		}
	}
	if b.dalle != nil && b.clip != nil && o.Generated > 0 {
		begin("generated pictures")
		if e.Generated, err = b.MeasureGenerated(ctx, d, o.Generated, GenerateOptions{Seed: o.Seed, Rows: o.Rows}); err != nil {
			return nil, err
		}
	}
	return e, nil
}

// VAEFigures measure a discrete VAE: the most probable codes of pictures, and what they decode to.
type VAEFigures struct {
	MSE        float64 `json:"mse"` // of values in [−1, 1]
	PSNR       float64 `json:"psnr_db"`
	Perplexity float64 `json:"perplexity"` // e to the entropy of all codes of all pictures
	Codes      int     `json:"codes"`      // in the codebook
	Used       int     `json:"used_codes"` // by any of the pictures
	Dead       int     `json:"dead_codes"` // the others
}

// DALLEFigures measure a DALL-E on pictures with captions, of which each picture shows one.
type DALLEFigures struct {
	Loss            float64 `json:"loss"`                 // as in training: text weighs 1 and image Config.ImageLossWeight
	Text            float64 `json:"text_nats_per_token"`  // mean over all positions of the text, padding included
	Image           float64 `json:"image_nats_per_token"` // mean over all codes
	Caption         float64 `json:"text_nats_per_caption"`
	TextPerplexity  float64 `json:"text_perplexity"` // e to Text
	ImagePerplexity float64 `json:"image_perplexity"`
	Uniform         float64 `json:"image_uniform_nats"` // what Image is for a model that has learnt nothing
	Pictures        int     `json:"pictures"`           // with a caption that can be read
	Truncated       int     `json:"truncated_captions"` // longer than the model reads
}

// MeasureVAE measures the discrete VAE on pictures.
func (b *Birds) MeasureVAE(ctx context.Context, d *data.Dataset) (*VAEFigures, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.needVAE(); err != nil {
		return nil, err
	}
	if err := b.fits(d); err != nil {
		return nil, err
	}
	c := b.vae.Config()
	usage := dvae.NewUsage(c.Codes, d.Len())
	squares, n := 0.0, 0
	err := b.passes(ctx, d.Pixels, func(x *tensor.Tensor) {
		codes := b.vae.Codes(x)
		usage.Add(codes.Counts(c.Codes).Values())
		made := b.vae.Decode(codes).ClampMin(-1).ClampMax(1) // as it is seen
		squares += made.MSELoss(x).Item() * float64(x.Dim(0))
		n += x.Dim(0)
	})
	if err != nil {
		return nil, err
	}
	mse := squares / float64(n)
	return &VAEFigures{
		MSE: mse, PSNR: PSNR(mse), Perplexity: usage.Perplexity(), Codes: c.Codes, Used: usage.Used(), Dead: c.Codes - usage.Used(),
	}, nil
}

// MeasureDALLE measures the DALL-E on pictures with captions.
func (b *Birds) MeasureDALLE(ctx context.Context, d *data.Dataset) (*DALLEFigures, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.needDALLE(); err != nil {
		return nil, err
	}
	if err := b.fits(d); err != nil {
		return nil, err
	}
	c := b.dalle.Config()
	p, err := b.pairs(d, c.TextLen)
	if err != nil {
		return nil, err
	}
	f := &DALLEFigures{Pictures: len(p.pictures), Truncated: p.truncated, Uniform: math.Log(float64(c.ImageCodes))}
	const most = 16 // sequences at a time
	for lo := 0; lo < len(p.pictures); lo += most {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		hi := min(lo+most, len(p.pictures))
		var pixels []uint8
		for _, i := range p.pictures[lo:hi] {
			pixels = append(pixels, d.Image(i)...)
		}
		codes, err := b.codes(ctx, pixels)
		if err != nil {
			return nil, err
		}
		step := b.device.Scratch()
		loss, text, image := b.dalle.Loss(p.ids[lo*c.TextLen:hi*c.TextLen], codes, nil)
		share := float64(hi-lo) / float64(len(p.pictures))
		f.Loss += loss.Item() * share
		f.Text += text.Item() * share
		f.Image += image.Item() * share
		step.End()
	}
	f.Caption = f.Text * float64(c.TextLen)
	f.TextPerplexity, f.ImagePerplexity = math.Exp(f.Text), math.Exp(f.Image)
	return f, nil
}

// fits refuses pictures of another size than the models'.
func (b *Birds) fits(d *data.Dataset) error {
	if d.Size != b.Size() || max(d.Channels, 3) != b.Channels() {
		return fmt.Errorf("the pictures are %d pixels wide with %d channels and the model wants %d with %d; load them like that",
			d.Size, max(d.Channels, 3), b.Size(), b.Channels())
	}
	return nil
}

// pairs are pictures of a dataset with one caption each.
type pairs struct {
	pictures  []int // indices of the dataset
	captions  []string
	ids       []int32 // [len(pictures), length]
	truncated int
}

// pairs chooses a caption for each picture, always the same, and encodes it with a length. Pictures are left out that have none, or
// one without a word that the tokenizer knows.
func (b *Birds) pairs(d *data.Dataset, length int) (*pairs, error) {
	p := &pairs{}
	for i, captions := range d.Captions {
		choice := data.Choose(0, 0, i, len(captions))
		if choice < 0 {
			continue
		}
		ids, err := b.tokenizer.EncodeFixed(captions[choice], length, false)
		if errors.Is(err, tokenizer.ErrTooLong) {
			p.truncated++
			ids, err = b.tokenizer.EncodeFixed(captions[choice], length, true)
		}
		if errors.Is(err, tokenizer.ErrUnknown) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", d.Name(i), err)
		}
		p.pictures, p.captions, p.ids = append(p.pictures, i), append(p.captions, captions[choice]), append(p.ids, ids...)
	}
	if len(p.pictures) == 0 {
		return nil, errors.New("no picture has a caption that the run's tokenizer can read; give pictures with captions like those of the training")
	}
	return p, nil
}
