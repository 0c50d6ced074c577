// Package tasks says how each model is trained: on which batches, by which loss, and how it is watched.
package tasks

import (
	"context"

	"github.com/bestiary-ml/bestiary/autoencoder"
	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/eval"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/sample/layout"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/train"
)

// Options that the tasks share with the training. Whether to mirror pictures and to balance classes is the dataset's
// description's to say, so that a resumed training does the same.
type Options struct {
	Batch    int
	Seed     uint64
	Progress func(done, total int) // of what a task computes before its training begins; may be nil
}

// shown is how many held-out pictures the samples on the way show.
const shown = 16

// Autoencoder trains an autoencoder to reproduce pictures, and watches it on held-out ones (nil: it isn't watched).
// description says where they come from and how to walk them; the run folder keeps it.
func Autoencoder(d *tensor.Device, c autoencoder.Config, description data.Description, training, heldOut *data.Dataset, o Options) (*autoencoder.Autoencoder, *train.Task, error) {
	g := tensor.NewGenerator(o.Seed).Fork("autoencoder")
	model, err := autoencoder.New(d, c, g)
	if err != nil {
		return nil, nil, err
	}
	describe(&description, training, heldOut)
	source, err := train.NewPictures(training, data.LoaderOptions{Shuffle: true, Batch: o.Batch, Seed: o.Seed, Augment: description.Augment, Balance: description.Balance})
	if err != nil {
		return nil, nil, err
	}
	task := &train.Task{
		Model:      "autoencoder",
		Module:     model,
		Settings:   c,
		Data:       description,
		Source:     source,
		Generators: map[string]*tensor.Generator{"autoencoder": g},
		Loss: func() (*tensor.Tensor, *train.Figures) {
			loss, _ := model.Loss(d.From(source.Pixels, o.Batch, training.Size, training.Size, 3))
			return loss, nil
		},
	}
	if heldOut == nil || heldOut.Len() == 0 {
		return model, task, nil
	}
	pets, err := sample.NewFlow(d, description, sample.FlowModels{Autoencoder: model})
	if err != nil {
		return nil, nil, err
	}
	task.Evaluate = func() (train.Metrics, error) {
		r, err := eval.MeasureReconstruction(context.Background(), pets, heldOut)
		return train.Metrics{"loss": r.MSE, "psnr_db": r.PSNR}, err
	}
	task.Samples = func(path string) error {
		some := few(heldOut, shown)
		made, err := pets.Reconstruct(context.Background(), some.Pixels)
		if err != nil {
			return err
		}
		return layout.SaveReconstructions(path, pets.Pictures(some.Pixels), made)
	}
	return model, task, nil
}
