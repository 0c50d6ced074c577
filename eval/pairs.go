package eval

import (
	"context"
	"errors"
	"fmt"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/tokenizer"
)

// pairs are pictures of a dataset with one caption each.
type pairs struct {
	pictures  []int // indices of the dataset
	captions  []string
	ids       []int32 // [len(pictures), length]
	truncated int     // captions that were cut to length
}

// pairsFor returns the pairs whose captions have the length that a model of the pipeline reads; see choosePairs.
func pairsFor(ctx context.Context, p *sample.TextToImage, d *data.Dataset, length func(m sample.TextToImageModels) int) (*pairs, error) {
	n := 0
	if err := p.Use(ctx, func(_ *tensor.Device, m sample.TextToImageModels) error { n = length(m); return nil }); err != nil {
		return nil, err
	}
	return choosePairs(ctx, p.Tokenizer(), d, n)
}

// choosePairs chooses one caption for each picture, always the same, and encodes it to length ids. It skips a picture
// without captions, and one whose caption has no word that the tokenizer knows.
func choosePairs(ctx context.Context, t *tokenizer.Tokenizer, d *data.Dataset, length int) (*pairs, error) {
	p := &pairs{}
	for i, captions := range d.Captions {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		choice := data.Choose(0, 0, i, len(captions))
		if choice < 0 {
			continue
		}
		ids, err := t.EncodeFixed(captions[choice], length, false)
		if errors.Is(err, tokenizer.ErrTooLong) {
			p.truncated++
			ids, err = t.EncodeFixed(captions[choice], length, true)
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
		return nil, fault.Field("Pictures", nil, "none has a caption that the tokenizer knows; give pictures with captions like those of the training")
	}
	return p, nil
}
