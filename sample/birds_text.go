package sample

import (
	"cmp"
	"context"
	"fmt"

	"github.com/bestiary-ml/bestiary/tensor"
)

// CompleteOptions say how to complete a caption. The zero value completes it once, from the model's own distribution.
type CompleteOptions struct {
	N    int    // captions; 0 means 1
	Seed uint64 // caption i depends on the seed, the beginning and i alone

	Temperature float64 // divides the logits of the tokens, 0 means 1: lower is more typical, higher more varied
	TopK        int     // draw each token among the k likeliest, 0 means all
	TopP        float64 // draw each token among the likeliest that make up this share of the probability, 0 means all
}

// CompleteText continues a caption, which begins with some words, as captions of the training go on.
func (b *Birds) CompleteText(ctx context.Context, beginning string, o CompleteOptions) ([]string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.needDALLE(); err != nil {
		return nil, err
	}
	if o.N < 0 {
		return nil, fmt.Errorf("%d captions are not possible; use a positive number", o.N)
	}
	s, err := sampling(o.Temperature, o.TopK, o.TopP, 1)
	if err != nil {
		return nil, err
	}
	ids, err := b.tokenizer.EncodeFixed(beginning, b.dalle.Config().TextLen, false)
	if err != nil {
		return nil, err
	}
	captions := make([]string, cmp.Or(o.N, 1))
	for i := range captions {
		random := tensor.NewGenerator(o.Seed).Fork(fmt.Sprintf("caption %d %s", i, beginning))
		whole, err := b.dalle.CompleteText(ctx, ids, s, random)
		if err != nil {
			return nil, err
		}
		captions[i] = b.tokenizer.Decode(whole)
	}
	return captions, nil
}
