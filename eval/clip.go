package eval

import (
	"context"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/sample"
)

// CLIPFigures measure a CLIP on pictures with one caption each.
type CLIPFigures struct {
	Score       float64   `json:"score"`          // mean cosine similarity of pictures and their captions
	Shuffled    float64   `json:"score_shuffled"` // the same for pictures and all other captions
	TextToImage Retrieval `json:"text_to_image"`  // each caption retrieves its picture among all
	ImageToText Retrieval `json:"image_to_text"`  // each picture retrieves its caption among all distinct captions
	Pictures    int       `json:"pictures"`       // with a caption that the tokenizer knows
	Truncated   int       `json:"truncated_captions"`
}

// GeneratedFigures measure by CLIP how well generated pictures agree with their prompts, which are captions of photos.
type GeneratedFigures struct {
	Score       float64   `json:"score"`          // mean cosine similarity of generated pictures and their prompts
	Shuffled    float64   `json:"score_shuffled"` // the same for generated pictures and all other prompts
	Photos      float64   `json:"score_photos"`   // the same for the photos and their captions
	ImageToText Retrieval `json:"image_to_text"`  // each generated picture retrieves its prompt among all distinct prompts
	Pictures    int       `json:"pictures"`
}

// MeasureCLIP measures the CLIP on pictures with captions. It cuts captions with more tokens than CLIP reads.
func MeasureCLIP(ctx context.Context, p *sample.TextToImage, d *data.Dataset) (*CLIPFigures, error) {
	if err := p.RequireCLIP(); err != nil {
		return nil, err
	}
	if err := check(p, d); err != nil {
		return nil, err
	}
	pairs, err := pairsFor(ctx, p, d, func(m sample.TextToImageModels) int { return m.CLIP.Config().TextLen })
	if err != nil {
		return nil, err
	}
	m, err := embed(ctx, p, pairs.captions, d.Pixels, pairs.pictures)
	if err != nil {
		return nil, err
	}
	f := &CLIPFigures{Pictures: len(pairs.pictures), Truncated: pairs.truncated}
	f.Score, f.Shuffled = m.scores()
	if f.ImageToText, err = retrieve(ctx, p, m.images, m.texts, m.own); err != nil {
		return nil, err
	}
	f.TextToImage, err = retrieve(ctx, p, m.captions(), m.images, counting(len(m.own)))
	return f, err
}

// MeasureGenerated generates a picture for a caption of each of at most n pictures, spread over a dataset, and scores
// them by CLIP. It sets the model, which is the DALL-E, the prompts, N and Truncate of the options itself.
func MeasureGenerated(ctx context.Context, p *sample.TextToImage, d *data.Dataset, n int, o sample.GenerateOptions) (*GeneratedFigures, error) {
	if err := p.RequireDALLE(); err != nil {
		return nil, err
	}
	if err := p.RequireCLIP(); err != nil {
		return nil, err
	}
	if err := check(p, d); err != nil {
		return nil, err
	}
	pairs, err := pairsFor(ctx, p, d, func(m sample.TextToImageModels) int { return m.DALLE.Config().TextLen })
	if err != nil {
		return nil, err
	}
	n = min(n, len(pairs.pictures))
	o.Model, o.Prompts, o.N, o.Candidates, o.Truncate = models.DALLE.Name, nil, 1, 0, true
	var photos []int
	for i := range n {
		from := i * len(pairs.pictures) / n
		o.Prompts, photos = append(o.Prompts, pairs.captions[from]), append(photos, pairs.pictures[from])
	}
	pictures, err := p.Generate(ctx, o)
	if err != nil {
		return nil, err
	}
	var pixels []uint8
	for _, g := range pictures {
		one, err := p.PixelsOf(g.Image)
		if err != nil {
			return nil, err
		}
		pixels = append(pixels, one...)
	}
	made, err := embed(ctx, p, o.Prompts, pixels, counting(n))
	if err != nil {
		return nil, err
	}
	originals, err := embed(ctx, p, o.Prompts, d.Pixels, photos)
	if err != nil {
		return nil, err
	}
	f := &GeneratedFigures{Pictures: n}
	f.Score, f.Shuffled = made.scores()
	f.Photos, _ = originals.scores()
	f.ImageToText, err = retrieve(ctx, p, made.images, made.texts, made.own)
	return f, err
}
