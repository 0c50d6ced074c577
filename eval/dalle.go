package eval

import (
	"context"
	"math"

	"github.com/bestiary-ml/bestiary/dalle"
	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/internal/ranks"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/tensor"
)

// DALLEFigures measure a DALL-E by its cross-entropy on pictures with one caption each.
type DALLEFigures struct {
	Loss            float64 `json:"loss"`                 // as in training: text weighs 1 and image Config.ImageLossWeight
	Text            float64 `json:"text_nats_per_token"`  // mean over all positions of the text, padding included
	Image           float64 `json:"image_nats_per_token"` // mean over all codes
	Caption         float64 `json:"text_nats_per_caption"`
	TextPerplexity  float64 `json:"text_perplexity"` // e to Text
	ImagePerplexity float64 `json:"image_perplexity"`
	Uniform         float64 `json:"image_uniform_nats"` // Image of a uniform distribution over the codes
	Pictures        int     `json:"pictures"`           // with a caption that the tokenizer knows
	Truncated       int     `json:"truncated_captions"` // longer than the model reads
}

// MeasureDALLE measures the DALL-E on pictures with captions.
func MeasureDALLE(ctx context.Context, p *sample.TextToImage, d *data.Dataset) (*DALLEFigures, error) {
	if err := p.RequireDALLE(); err != nil {
		return nil, err
	}
	if err := check(p, d); err != nil {
		return nil, err
	}
	var c dalle.Config
	var on *tensor.Device
	err := p.Use(ctx, func(d *tensor.Device, m sample.TextToImageModels) error { on, c = d, m.DALLE.Config(); return nil })
	if err != nil {
		return nil, err
	}
	pairs, err := choosePairs(ctx, p.Tokenizer(), d, c.TextLen)
	if err != nil {
		return nil, err
	}
	total := len(pairs.pictures)
	f := &DALLEFigures{Pictures: total, Truncated: pairs.truncated, Uniform: math.Log(float64(c.ImageCodes))}
	const most = 16 // sequences at a time
	terms, err := ranks.Divide(on, total, most, func(lo, hi int) (own [][3]float64, err error) {
		var pixels []uint8
		for _, i := range pairs.pictures[lo:hi] {
			pixels = append(pixels, d.Image(i)...)
		}
		codes, err := p.Codes(ctx, pixels)
		if err != nil {
			return nil, err
		}
		err = p.Use(ctx, func(device *tensor.Device, m sample.TextToImageModels) error {
			step := device.Scratch()
			defer step.End()
			loss, text, image := m.DALLE.Loss(pairs.ids[lo*c.TextLen:hi*c.TextLen], codes, nil)
			share := float64(hi-lo) / float64(total)
			own = [][3]float64{{loss.Item() * share, text.Item() * share, image.Item() * share}}
			return nil
		})
		return own, err
	})
	if err != nil {
		return nil, err
	}
	for _, t := range terms {
		f.Loss, f.Text, f.Image = f.Loss+t[0], f.Text+t[1], f.Image+t[2]
	}
	f.Caption = f.Text * float64(c.TextLen)
	f.TextPerplexity, f.ImagePerplexity = math.Exp(f.Text), math.Exp(f.Image)
	return f, nil
}
