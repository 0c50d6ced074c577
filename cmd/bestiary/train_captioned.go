package main

import (
	"context"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/tokenizer"
	"github.com/bestiary-ml/bestiary/train"
	"github.com/bestiary-ml/bestiary/train/tasks"
	"github.com/spf13/cobra"
)

// captioned is what differs between the trainings of models that draw pictures for captions: the kind M with configuration
// C of a model, and the kind K of the codec of its run, which turns pictures into what the model draws.
type captioned[C interface{ Validate() error }, K interface {
	ImageSize() int
	Channels() int
}, M any] struct {
	codec   func(dir string, d *tensor.Device) (K, error)
	config  func(dir string) (C, error) // of the run's model
	textLen func(c C) int
	fit     func(c *C, vocabulary, textLen int, codec K)
	task    func(ctx context.Context, d *tensor.Device, c C, codec K, t *tokenizer.Tokenizer, how tasks.CaptionOptions, training, heldOut *data.Dataset, o tasks.Options) (M, *train.Task[train.CaptionedBatch], error)
}

// run trains the model that the flags describe. The flags were checked. kept are the flags that belong to the model.
func (k captioned[C, K, M]) run(c *cobra.Command, f *captionFlags, model C, kept []string) error {
	r, d, err := f.open(c, false)
	if err != nil {
		return err
	}
	codec, err := k.codec(f.run, d)
	if err != nil {
		return err
	}
	if f.resume {
		if err := keepModel(c, append(kept, captionKept...)...); err != nil {
			return err
		}
		if err := f.keepData(c, captionData...); err != nil {
			return err
		}
		if model, err = k.config(f.run); err != nil {
			return err
		}
		f.textLen = k.textLen(model)
	}
	settings, err := f.settings(c)
	if err != nil {
		return err
	}
	training, heldOut, tokens, err := f.prepare(c, r, codec.ImageSize(), codec.Channels())
	if err != nil {
		return err
	}
	if !f.resume {
		k.fit(&model, tokens.VocabSize(), f.textLen, codec)
		if err := model.Validate(); err != nil {
			return invalid(err)
		}
	}
	if err := checkBatch(c, settings, training); err != nil {
		return err
	}
	fit(c, &settings, training.Len(), heldOut.Len())
	bar := newBar(c.ErrOrStderr(), "encoding pictures")
	o := tasks.Options{Batch: settings.Batch, Seed: settings.Seed, Progress: bar.update}
	_, task, err := k.task(c.Context(), d, model, codec, tokens, f.how, training, heldOut, o)
	bar.finish()
	if err != nil {
		return err
	}
	if !r.HasData() {
		task.Data = task.Options.(tasks.CaptionOptions).Data
	}
	return runTask(c, f.trainFlags, task, settings)
}
