package tasks

import (
	"cmp"
	"context"
	"fmt"
	"strconv"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/ranks"
	"github.com/bestiary-ml/bestiary/maskgit"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/tokenizer"
	"github.com/bestiary-ml/bestiary/train"
)

// MaskGIT trains a MaskGIT on captions, which t turns into ids, and the codes of their pictures, which a trained codec
// makes, such as a discrete VAE. It evaluates the model on held-out pictures (nil: no evaluation). Without augmentation, it encodes all pictures
// beforehand, until the context ends.
func MaskGIT(ctx context.Context, d *tensor.Device, c maskgit.Config, codec models.Codec, t *tokenizer.Tokenizer, how CaptionOptions, training, heldOut *data.Dataset, o Options) (model *maskgit.Model, task *train.Task[train.CaptionedBatch], err error) {
	defer fault.Catch(&err)
	device, err := take(ctx, d)
	if err != nil {
		return nil, nil, err
	}
	defer device.end()
	if t == nil {
		return nil, nil, fault.Field("Tokenizer", nil, "must not be nil; open or train one")
	}
	if codec == nil {
		return nil, nil, fault.Field("Codec", nil, "is missing; give the model that makes the codes of pictures")
	}
	name := models.CodecName(codec)
	if err := cmp.Or(checkPictures(codec.ImageSize(), codec.Channels(), training, heldOut), checkGrow(how.Data, heldOut)); err != nil {
		return nil, nil, err
	}
	if err := checkVocabulary(models.MaskGIT.Name, c.TextTokens, t); err != nil {
		return nil, nil, err
	}
	if c.ImageCodes != codec.CodebookSize() || c.Height != codec.Grid() || c.Width != codec.Grid() {
		return nil, nil, fmt.Errorf("the %s makes %d×%d of %d codes and the maskgit is made for %d×%d of %d; put back the %s that it was trained with",
			name, codec.Grid(), codec.Grid(), codec.CodebookSize(), c.Height, c.Width, c.ImageCodes, name)
	}
	if how.Codec, err = sameCodec(models.MaskGIT.Name, name, how.Codec, codec); err != nil {
		return nil, nil, err
	}
	g := tensor.NewGenerator(o.Seed).Fork(models.MaskGIT.Name)
	if model, err = maskgit.New(d, c, g); err != nil {
		return nil, nil, err
	}
	describe(&how.Data, training, heldOut)
	source, err := captioned(t, c.TextLen, how, training, heldOut, o)
	if err != nil {
		return nil, nil, err
	}
	encode, err := newCoder(ctx, device, codec, training, how.Data.Augment, o)
	if err != nil {
		return nil, nil, err
	}
	task = &train.Task[train.CaptionedBatch]{
		Model:      models.MaskGIT.Name,
		Module:     model,
		Settings:   c,
		Options:    how,
		Source:     source,
		Start:      how.start(t),
		Generators: map[string]*tensor.Generator{models.MaskGIT.Name: g},
		Loss: func(batch train.CaptionedBatch) (*tensor.Tensor, *train.Figures) {
			loss, plain := model.Loss(batch.Text, encode(batch.PictureBatch), g)
			return loss, &train.Figures{
				Tensors: []*tensor.Tensor{plain},
				Metrics: func(values [][]float32) train.Metrics {
					return train.Metrics{"image_loss": float64(values[0][0])}
				},
			}
		},
	}
	if heldOut == nil || heldOut.Len() == 0 {
		return model, task, nil
	}
	birds, err := sample.NewTextToImage(d, how.Data, sample.TextToImageModels{Codec: codec, MaskGIT: model, Tokenizer: t})
	if err != nil {
		return nil, nil, err
	}
	cells := c.Cells()
	err = evaluatePrepared(task, how.Data, training, heldOut, func(pictures *data.Dataset) (func() (train.Metrics, error), error) {
		text, err := firstCaptions(t, pictures, c.TextLen)
		if err != nil {
			return nil, err
		}
		known, err := birds.Codes(ctx, pictures.Pixels) // [N·cells]
		return func() (train.Metrics, error) {
			loss, plain, err := meanOver(d, pictures.Len(), o.Batch, func(lo, hi int, random *tensor.Generator) (float64, float64) {
				s := d.Scratch()
				defer s.End()
				loss, plain := model.HeldOutLoss(text[lo*c.TextLen:hi*c.TextLen], known[lo*cells:hi*cells], lo, random)
				return loss.Item(), plain.Item()
			})
			return train.Metrics{"loss": loss, "image_loss": plain}, err
		}, err
	})
	if err != nil {
		return nil, nil, err
	}
	task.Samples = func(path string) error { return saveGenerated(path, birds, few(heldOut, prompts), o.Seed) }
	return model, task, nil
}

// checkVocabulary returns an error unless a model reads the ids of a tokenizer.
func checkVocabulary(model string, tokens int, t *tokenizer.Tokenizer) error {
	if tokens != t.VocabSize() {
		return fmt.Errorf("the tokenizer has %d ids and the %s is made for %d; put back the tokenizer that it was trained with", t.VocabSize(), model, tokens)
	}
	return nil
}

// sameCodec returns the checksum of an autoencoder, and an error if it isn't the one with which a training began ("": it
// begins now).
func sameCodec(model, codec, began string, m nn.Module) (sum string, err error) {
	if sum = nn.Checksum(m); began != "" && began != sum {
		return sum, fmt.Errorf("the %s has other weights than when the %s's training began (%s, now %s); put them back, or train the %s anew", codec, model, began, sum, model)
	}
	return sum, nil
}

// meanOver returns the means of two losses over n pictures. It calls loss for batches of pictures lo to hi−1, always with
// the same random numbers. Ranks divide the batches.
func meanOver(d *tensor.Device, n, batch int, loss func(lo, hi int, random *tensor.Generator) (a, b float64)) (meanA, meanB float64, err error) {
	random := tensor.NewGenerator(0).Fork("held out")
	terms, err := ranks.Divide(d, n, batch, func(lo, hi int) ([][2]float64, error) {
		a, b := loss(lo, hi, random.Fork(strconv.Itoa(lo)))
		share := float64(hi-lo) / float64(n)
		return [][2]float64{{share * a, share * b}}, nil
	})
	for _, t := range terms {
		meanA, meanB = meanA+t[0], meanB+t[1]
	}
	return meanA, meanB, err
}
