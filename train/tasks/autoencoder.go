// Package tasks has the training of each kind of package models: its batches, its loss, and how it is evaluated on
// held-out data. Each function makes a model with initial weights and its [train.Task]:
//
//	c := tasks.DefaultAutoencoder()
//	model, task, err := tasks.Autoencoder(device, c.Model, c.Data, training, heldOut, tasks.Options{Batch: 32, Seed: 1})
//	result, err := train.Run(ctx, "runs/pets", *task, c.Training, train.Options{})
//
// The defaults of the command line are those of DefaultAutoencoder and its like.
package tasks

import (
	"cmp"
	"context"

	"github.com/bestiary-ml/bestiary/autoencoder"
	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/eval"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/sample/layout"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/train"
)

// Options are what a task has in common with the settings of its training. How pictures are augmented and whether classes
// are balanced is in the description of the data, so that a resumed training does the same.
type Options struct {
	Batch    int                   // as in train.Config
	Seed     uint64                // as in train.Config
	Progress func(done, total int) // of what a task computes before its training begins; may be nil
}

// shown is the number of held-out pictures that samples show during a training.
const shown = 16

// Autoencoder trains an autoencoder to reproduce pictures [N, S, S, 3], and evaluates it on held-out ones (nil: no
// evaluation). The description says where the pictures come from and how they are shown; the run folder keeps it.
func Autoencoder(d *tensor.Device, c autoencoder.Config, description data.Description, training, heldOut *data.Dataset, o Options) (model *autoencoder.Autoencoder, task *train.Task[train.PictureBatch], err error) {
	defer fault.Catch(&err)
	device, err := take(context.Background(), d)
	if err != nil {
		return nil, nil, err
	}
	defer device.end()
	if err := cmp.Or(checkPictures(c.ImageSize, 3, training, heldOut), checkGrow(description, heldOut)); err != nil {
		return nil, nil, err
	}
	g := tensor.NewGenerator(o.Seed).Fork(models.Autoencoder.Name)
	if model, err = autoencoder.New(d, c, g); err != nil {
		return nil, nil, err
	}
	describe(&description, training, heldOut)
	source, err := train.NewPictures(training, data.LoaderOptions{Shuffle: true, Batch: o.Batch, Seed: o.Seed, Augment: description.Augment, Balance: description.Balance})
	if err != nil {
		return nil, nil, err
	}
	task = &train.Task[train.PictureBatch]{
		Model:      models.Autoencoder.Name,
		Module:     model,
		Settings:   c,
		Data:       description,
		Source:     source,
		Generators: map[string]*tensor.Generator{models.Autoencoder.Name: g},
		Loss: func(batch train.PictureBatch) (*tensor.Tensor, *train.Figures) {
			loss, _ := model.Loss(batch.Tensor(d)) // [N, S, S, 3]
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
	evaluateOn(task, description, training, heldOut, func(pictures *data.Dataset) (train.Metrics, error) {
		r, err := eval.MeasureReconstruction(context.Background(), pets, pictures)
		return train.Metrics{"loss": r.MSE, "psnr_db": r.PSNR}, err
	})
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
