package sample

import (
	"context"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/ranks"
	"github.com/bestiary-ml/bestiary/tensor"
)

// EmbedTexts returns CLIP's embeddings [N, latent] of texts, of unit length. It cuts a text with more tokens than CLIP
// reads.
func (p *TextToImage) EmbedTexts(ctx context.Context, texts []string) ([]float32, error) {
	return exclusive(ctx, p.device, func() ([]float32, error) { return p.embedTexts(ctx, texts) })
}

// EmbedImages returns CLIP's embeddings [N, latent] of pictures, pixels [N, S, S, C], of unit length.
func (p *TextToImage) EmbedImages(ctx context.Context, pixels []uint8) ([]float32, error) {
	return exclusive(ctx, p.device, func() ([]float32, error) { return p.embedImages(ctx, pixels) })
}

func (p *TextToImage) embedTexts(ctx context.Context, texts []string) ([]float32, error) {
	if err := p.RequireCLIP(); err != nil {
		return nil, err
	}
	length := p.models.CLIP.Config().TextLen
	return ranks.Divide(p.device, len(texts), p.atOnceOf(batch), func(lo, hi int) ([]float32, error) {
		var ids []int32 // [n, length]
		for _, text := range texts[lo:hi] {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			if len(text) > MaxPromptBytes {
				return nil, fault.Field("Texts", nil, "must have at most %d bytes each, not %d", MaxPromptBytes, len(text))
			}
			some, err := p.models.Tokenizer.EncodeFixed(text, length, true)
			if err != nil {
				return nil, err
			}
			ids = append(ids, some...)
		}
		return p.embedIDs(ids, hi-lo), nil
	})
}

// embedIDs returns the embeddings [n, latent] of ids [n, length].
func (p *TextToImage) embedIDs(ids []int32, n int) []float32 {
	step := p.device.Scratch()
	defer step.End()
	return p.models.CLIP.EncodeText(p.device.Ints(ids, n, len(ids)/n), nil).Values()
}

func (p *TextToImage) embedImages(ctx context.Context, pixels []uint8) ([]float32, error) {
	if err := p.RequireCLIP(); err != nil {
		return nil, err
	}
	return inBatches(ctx, p, pixels, func(x *tensor.Tensor) []float32 { return p.models.CLIP.EncodeImages(x).Values() })
}

// score sets the cosine similarity of pictures to their prompts.
func (p *TextToImage) score(ctx context.Context, pictures []Generated) error {
	var prompts []string
	var pixels []uint8
	for _, g := range pictures {
		prompts, pixels = append(prompts, g.Prompt), append(pixels, p.pixels(g.Image)...)
	}
	texts, err := p.embedTexts(ctx, prompts)
	if err != nil {
		return err
	}
	images, err := p.embedImages(ctx, pixels)
	if err != nil {
		return err
	}
	latent := p.models.CLIP.Config().Latent
	for i := range pictures {
		pictures[i].Score = dot(texts[i*latent:(i+1)*latent], images[i*latent:(i+1)*latent])
	}
	return nil
}

// dot is the dot product of two vectors, computed in float64: the cosine similarity of vectors of unit length.
func dot(a, b []float32) float64 {
	sum := 0.0
	for i := range a {
		sum += float64(a[i]) * float64(b[i])
	}
	return sum
}
