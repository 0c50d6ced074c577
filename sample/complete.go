package sample

import (
	"cmp"
	"context"
	"fmt"

	"github.com/bestiary-ml/bestiary/nn/sampling"
	"github.com/bestiary-ml/bestiary/tensor"
)

// CompleteOptions say how [TextToImage.CompleteText] completes a caption. The zero value completes it once.
type CompleteOptions struct {
	N        int               // captions; 0 is 1
	Seed     uint64            // caption i depends on the seed, the beginning and i only
	Sampling *sampling.Options // nil is sampling.Default(); captions have no Guidance
}

// Validate returns a [*fault.FieldError] for a value that no model allows.
func (o CompleteOptions) Validate() error {
	if err := checkCounts(o.N, 0); err != nil {
		return err
	}
	s := settings(o.Sampling)
	if err := s.Validate(); err != nil {
		return err
	}
	return checkUnguided(s)
}

// CompleteText returns captions that begin with the given words, as the DALL-E continues them. A beginning that is empty,
// too long or not UTF-8 gives a [*PromptError].
func (p *TextToImage) CompleteText(ctx context.Context, beginning string, o CompleteOptions) ([]string, error) {
	return exclusive(ctx, p.device, func() ([]string, error) { return p.completeText(ctx, beginning, o) })
}

func (p *TextToImage) completeText(ctx context.Context, beginning string, o CompleteOptions) ([]string, error) {
	if err := p.RequireDALLE(); err != nil {
		return nil, err
	}
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if err := checkPrompt(beginning); err != nil {
		return nil, &PromptError{0, err}
	}
	ids, err := p.models.Tokenizer.EncodeFixed(beginning, p.models.DALLE.Config().TextLen, false)
	if err != nil {
		return nil, &PromptError{0, err}
	}
	s := settings(o.Sampling)
	var captions []string
	for i := range cmp.Or(o.N, 1) {
		random := tensor.NewGenerator(o.Seed).Fork(fmt.Sprintf("caption %d %s", i, beginning))
		caption, err := p.models.DALLE.CompleteText(ctx, ids, s, random)
		if err != nil {
			return nil, err
		}
		captions = append(captions, p.models.Tokenizer.Decode(caption))
	}
	return captions, nil
}
