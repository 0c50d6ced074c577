package tasks

import (
	"context"
	"fmt"
	"math"

	"github.com/bestiary-ml/bestiary/clip"
	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/eval"
	"github.com/bestiary-ml/bestiary/internal/usage"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/tokenizer"
	"github.com/bestiary-ml/bestiary/train"
)

// CLIP trains a CLIP to tell which captions, which t turns into ids, belong to which pictures, and watches it on held-out
// ones (nil: it isn't watched). The pictures have the Config's size and channels.
func CLIP(d *tensor.Device, c clip.Config, t *tokenizer.Tokenizer, how CaptionOptions, training, heldOut *data.Dataset, o Options) (*clip.CLIP, *train.Task, error) {
	if c.TextTokens != t.VocabSize() {
		return nil, nil, fmt.Errorf("the tokenizer has %d ids and the clip is made for %d; put back the tokenizer that it was trained with", t.VocabSize(), c.TextTokens)
	}
	if o.Batch < 2 {
		return nil, nil, usage.Errorf("--batch %d: leaves a caption nothing to choose from; use 2 or more", o.Batch)
	}
	g := tensor.NewGenerator(o.Seed).Fork("clip")
	model, err := clip.New(d, c, g)
	if err != nil {
		return nil, nil, err
	}
	describe(&how.Data, training, heldOut)
	source, err := captioned(t, c.TextLen, how, training, heldOut, o)
	if err != nil {
		return nil, nil, err
	}
	loss := func(text []int32, pixels []float32) *tensor.Tensor {
		n := len(text) / c.TextLen
		return model.Loss(d.Ints(text, n, c.TextLen), d.From(pixels, n, c.ImageSize, c.ImageSize, c.Channels), nil)
	}
	task := &train.Task{
		Model:      "clip",
		Module:     model,
		Settings:   c,
		Options:    how,
		Source:     source,
		Start:      how.start(t),
		Generators: map[string]*tensor.Generator{"clip": g},
		Loss:       func() (*tensor.Tensor, *train.Figures) { return loss(source.Text, source.Pixels), nil },
	}
	if heldOut == nil || heldOut.Len() < 2 {
		return model, task, nil
	}
	birds, err := sample.NewTextToImage(d, how.Data, sample.TextToImageModels{CLIP: model, Tokenizer: t})
	if err != nil {
		return nil, nil, err
	}
	batches, err := heldOutBatches(t, c.TextLen, heldOut, min(o.Batch, heldOut.Len()))
	if err != nil {
		return nil, nil, err
	}
	task.Evaluate = func() (train.Metrics, error) {
		m := train.Metrics{"chance_loss": math.Log(float64(min(o.Batch, heldOut.Len())))}
		for _, b := range batches {
			s := d.Scratch()
			m["loss"] += loss(b.text, b.pixels).Item() / float64(len(batches))
			s.End()
		}
		f, err := eval.MeasureCLIP(context.Background(), birds, heldOut)
		if err != nil {
			return nil, err
		}
		m["top1"], m["chance_top1"] = f.TextToImage.Top1, f.TextToImage.ChanceTop1
		m["top5"], m["chance_top5"] = f.TextToImage.Top5, f.TextToImage.ChanceTop5
		return m, nil
	}
	return model, task, nil
}

// captionedBatch is a batch of held-out pictures with ids of a caption each.
type captionedBatch struct {
	text   []int32
	pixels []float32
}

// heldOutBatches cuts pictures in an order by chance, but always the same, into whole batches: in a smaller one, and among
// pictures of other species only, the contrastive loss would be lower.
func heldOutBatches(t *tokenizer.Tokenizer, length int, d *data.Dataset, batch int) ([]captionedBatch, error) {
	order := tensor.NewGenerator(0).Fork("held out").Permutation(d.Len())
	var all []captionedBatch
	for ; len(order) >= batch; order = order[batch:] {
		var b captionedBatch
		for _, p := range order[:batch] {
			i := int(p)
			ids, err := t.EncodeFixed(d.Captions[i][data.Choose(0, 0, i, len(d.Captions[i]))], length, true)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", d.Name(i), err)
			}
			b.text, b.pixels = append(b.text, ids...), append(b.pixels, pixels(d, i, i+1)...)
		}
		all = append(all, b)
	}
	return all, nil
}
