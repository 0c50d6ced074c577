package tasks

import (
	"cmp"
	"context"
	"fmt"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/rectified"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/tokenizer"
	"github.com/bestiary-ml/bestiary/train"
	"github.com/bestiary-ml/bestiary/vqgan"
)

// Rectified trains a rectified flow on captions, which t turns into ids, and the latents of their pictures, which a trained
// autoencoder makes. It evaluates the model on held-out pictures (nil: no evaluation). With augmentation in how.Data, each
// picture is encoded unchanged and in how.Views random views; the latents of all stay in memory. Encoding takes a while and
// stops when the context ends. Without views, each batch is encoded anew.
func Rectified(ctx context.Context, d *tensor.Device, c rectified.Config, kl *vqgan.Model, t *tokenizer.Tokenizer, how CaptionOptions, training, heldOut *data.Dataset, o Options) (model *rectified.Model, task *train.Task[train.CaptionedBatch], err error) {
	defer fault.Catch(&err)
	device, err := take(ctx, d)
	if err != nil {
		return nil, nil, err
	}
	defer device.end()
	if t == nil {
		return nil, nil, fault.Field("Tokenizer", nil, "must not be nil; open or train one")
	}
	if kl == nil {
		return nil, nil, fault.Field("KL", nil, "must not be nil; give the one whose latents the model learns")
	}
	latents := kl.Config()
	if err := cmp.Or(checkPictures(latents.ImageSize, latents.Channels, training, heldOut), checkGrow(how.Data, heldOut)); err != nil {
		return nil, nil, err
	}
	if how.Data.Grow && how.Views > 0 {
		return nil, nil, fault.Field("Views", how.Views, "are encoded before the training, so their augmentation can't grow; set Views 0, or leave out Grow")
	}
	if err := checkVocabulary(models.Rectified.Name, c.TextTokens, t); err != nil {
		return nil, nil, err
	}
	if c.Height != latents.Grid() || c.Width != latents.Grid() || c.Channels != latents.Embed {
		return nil, nil, fmt.Errorf("the kl makes latents of %d×%d×%d and the rectified is made for %d×%d×%d; put back the kl that it was trained with",
			latents.Grid(), latents.Grid(), latents.Embed, c.Height, c.Width, c.Channels)
	}
	if how.KL, err = sameCodec(models.Rectified.Name, models.KL.Name, how.KL, kl); err != nil {
		return nil, nil, err
	}
	if err := sample.CheckViews(how.Views); err != nil {
		return nil, nil, err
	}
	g := tensor.NewGenerator(o.Seed).Fork(models.Rectified.Name)
	if model, err = rectified.New(d, c, g); err != nil {
		return nil, nil, err
	}
	describe(&how.Data, training, heldOut)
	source, err := captioned(t, c.TextLen, how, training, heldOut, o)
	if err != nil {
		return nil, nil, err
	}
	encode, err := newLatentCoder(ctx, device, kl, training, how, g, o)
	if err != nil {
		return nil, nil, err
	}
	task = &train.Task[train.CaptionedBatch]{
		Model:      models.Rectified.Name,
		Module:     model,
		Settings:   c,
		Options:    how,
		Source:     source,
		Start:      how.start(t),
		Generators: map[string]*tensor.Generator{models.Rectified.Name: g},
		Loss: func(batch train.CaptionedBatch) (*tensor.Tensor, *train.Figures) {
			x := d.From(encode(batch.PictureBatch), batch.Len(), c.Height, c.Width, c.Channels)
			return model.Loss(batch.Text, x, g), nil
		},
	}
	if heldOut == nil || heldOut.Len() == 0 {
		return model, task, nil
	}
	birds, err := sample.NewTextToImage(d, how.Data, sample.TextToImageModels{KL: kl, Rectified: model, Tokenizer: t})
	if err != nil {
		return nil, nil, err
	}
	one := c.Cells() * c.Channels
	err = evaluatePrepared(task, how.Data, training, heldOut, func(pictures *data.Dataset) (func() (train.Metrics, error), error) {
		text, err := firstCaptions(t, pictures, c.TextLen)
		if err != nil {
			return nil, err
		}
		known, err := encodeAll(ctx, device, pictures, latentsOf(d, kl), nil)
		return func() (train.Metrics, error) {
			loss, _, err := meanOver(d, pictures.Len(), o.Batch, func(lo, hi int, random *tensor.Generator) (float64, float64) {
				s := d.Scratch()
				defer s.End()
				x := d.From(known[lo*one:hi*one], hi-lo, c.Height, c.Width, c.Channels)
				return model.HeldOutLoss(text[lo*c.TextLen:hi*c.TextLen], x, lo, random).Item(), 0
			})
			return train.Metrics{"loss": loss}, err
		}, err
	})
	if err != nil {
		return nil, nil, err
	}
	task.Samples = func(path string) error { return saveGenerated(path, birds, few(heldOut, prompts), o.Seed) }
	return model, task, nil
}
