package tasks

import (
	"cmp"
	"context"
	"fmt"
	"math"

	"github.com/bestiary-ml/bestiary/clip"
	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/eval"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/ranks"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/tokenizer"
	"github.com/bestiary-ml/bestiary/train"
)

// CLIP trains a CLIP to match pictures with their captions, and evaluates it on held-out ones (nil: no evaluation). t turns
// captions into ids. The pictures have the Config's size and channels.
func CLIP(d *tensor.Device, c clip.Config, t *tokenizer.Tokenizer, how CaptionOptions, training, heldOut *data.Dataset, o Options) (model *clip.CLIP, task *train.Task[train.CaptionedBatch], err error) {
	defer fault.Catch(&err)
	device, err := take(context.Background(), d)
	if err != nil {
		return nil, nil, err
	}
	defer device.end()
	if t == nil {
		return nil, nil, fault.Field("Tokenizer", nil, "must not be nil; open or train one")
	}
	if err := cmp.Or(checkPictures(c.ImageSize, c.Channels, training, heldOut), checkGrow(how.Data, heldOut)); err != nil {
		return nil, nil, err
	}
	if c.TextTokens != t.VocabSize() {
		return nil, nil, fmt.Errorf("the tokenizer has %d ids and the clip is made for %d; put back the tokenizer that it was trained with", t.VocabSize(), c.TextTokens)
	}
	if o.Batch < 2 {
		return nil, nil, fault.Field("Batch", o.Batch, "must be 2 or more: the contrastive loss compares the captions of a batch")
	}
	g := tensor.NewGenerator(o.Seed).Fork(models.CLIP.Name)
	if model, err = clip.New(d, c, g); err != nil {
		return nil, nil, err
	}
	describe(&how.Data, training, heldOut)
	source, err := captioned(t, c.TextLen, how, training, heldOut, o)
	if err != nil {
		return nil, nil, err
	}
	task = &train.Task[train.CaptionedBatch]{
		Model:      models.CLIP.Name,
		Module:     model,
		Settings:   c,
		Options:    how,
		Source:     source,
		Start:      how.start(t),
		Generators: map[string]*tensor.Generator{models.CLIP.Name: g},
		Loss: func(batch train.CaptionedBatch) (*tensor.Tensor, *train.Figures) {
			return model.Loss(batch.TextTensor(d), batch.Tensor(d), nil), nil // of [N, L] and [N, S, S, C]
		},
	}
	if heldOut == nil || heldOut.Len() < 2 {
		if how.Data.Grow {
			return nil, nil, fault.Field("Grow", true, "needs two held-out pictures, as the contrastive loss compares them; raise Share, or leave it out")
		}
		return model, task, nil
	}
	birds, err := sample.NewTextToImage(d, how.Data, sample.TextToImageModels{CLIP: model, Tokenizer: t})
	if err != nil {
		return nil, nil, err
	}
	err = evaluatePrepared(task, how.Data, training, heldOut, func(pictures *data.Dataset) (func() (train.Metrics, error), error) {
		batches, err := heldOutBatches(t, c.TextLen, pictures, min(o.Batch, pictures.Len()))
		return func() (train.Metrics, error) {
			m := train.Metrics{"chance_loss": math.Log(float64(min(o.Batch, pictures.Len())))}
			// Ranks divide the batches, and not the pictures of a batch: the loss contrasts these.
			losses, err := ranks.Divide(d, len(batches), 1, func(i, _ int) ([]float64, error) {
				s := d.Scratch()
				defer s.End()
				return []float64{model.Loss(batches[i].TextTensor(d), batches[i].Tensor(d), nil).Item()}, nil
			})
			if err != nil {
				return nil, err
			}
			for _, loss := range losses {
				m["loss"] += loss / float64(len(batches))
			}
			f, err := eval.MeasureCLIP(context.Background(), birds, pictures)
			if err != nil {
				return nil, err
			}
			m["top1"], m["chance_top1"] = f.TextToImage.Top1, f.TextToImage.ChanceTop1
			m["top5"], m["chance_top5"] = f.TextToImage.Top5, f.TextToImage.ChanceTop5
			return m, nil
		}, err
	})
	return model, task, err
}

// heldOutBatches divides pictures into whole batches, in a random order that is always the same. In a smaller batch, and
// among pictures that are sorted by class, the contrastive loss would be different.
func heldOutBatches(t *tokenizer.Tokenizer, length int, d *data.Dataset, batch int) ([]train.CaptionedBatch, error) {
	order := tensor.NewGenerator(0).Fork("held out").Permutation(d.Len())
	var all []train.CaptionedBatch
	for ; len(order) >= batch; order = order[batch:] {
		b := train.CaptionedBatch{TextLen: length}
		b.Size, b.Channels = d.Size, max(d.Channels, 3)
		for _, p := range order[:batch] {
			i := int(p)
			ids, err := t.EncodeFixed(d.Captions[i][data.Choose(0, 0, i, len(d.Captions[i]))], length, true)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", d.Name(i), err)
			}
			b.Text, b.Pixels = append(b.Text, ids...), append(b.Pixels, pixels(d, i, i+1)...)
			b.Labels, b.Indices = append(b.Labels, d.Label(i)), append(b.Indices, i)
		}
		all = append(all, b)
	}
	return all, nil
}
