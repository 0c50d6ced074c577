package sample

import (
	"context"
	"errors"
	"slices"

	"github.com/bestiary-ml/bestiary/tensor"
)

// score sets the similarity of pictures to their prompts, of which CLIP reads as much as it can.
func (b *Birds) score(ctx context.Context, pictures []Generated) error {
	var prompts []string
	var pixels []uint8
	for _, p := range pictures {
		prompts, pixels = append(prompts, p.Prompt), append(pixels, b.pixels(p.Image)...)
	}
	texts, err := b.embedTexts(ctx, prompts)
	if err != nil {
		return err
	}
	images, err := b.embedImages(ctx, pixels)
	if err != nil {
		return err
	}
	latent := b.clip.Config().Latent
	for i := range pictures {
		pictures[i].Score = dot(texts[i*latent:(i+1)*latent], images[i*latent:(i+1)*latent])
	}
	return nil
}

// embedTexts returns CLIP's embeddings [N, latent] of texts, of unit length.
func (b *Birds) embedTexts(ctx context.Context, texts []string) (all []float32, err error) {
	length := b.clip.Config().TextLen
	for part := range slices.Chunk(texts, batch) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		var ids []int32
		for _, text := range part {
			some, err := b.tokenizer.EncodeFixed(text, length, true)
			if err != nil {
				return nil, err
			}
			ids = append(ids, some...)
		}
		step := b.device.Scratch()
		all = append(all, b.clip.EncodeText(b.device.Ints(ids, len(part), length), nil).Values()...)
		step.End()
	}
	return all, nil
}

// embedImages returns CLIP's embeddings [N, latent] of pixels [N, S, S, C], of unit length.
func (b *Birds) embedImages(ctx context.Context, pixels []uint8) (all []float32, err error) {
	err = b.passes(ctx, pixels, func(x *tensor.Tensor) { all = append(all, b.clip.EncodeImages(x).Values()...) })
	return all, err
}

func (b *Birds) needCLIP() error {
	if b.clip == nil {
		return errors.New("this run has no clip yet; make one with \"bestiary train clip --run RUN\"")
	}
	if b.tokenizer == nil {
		return errNoTokenizer
	}
	return nil
}

func dot(a, b []float32) float64 {
	sum := 0.0
	for i := range a {
		sum += float64(a[i]) * float64(b[i])
	}
	return sum
}
