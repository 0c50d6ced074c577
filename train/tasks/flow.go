package tasks

import (
	"errors"
	"slices"

	"github.com/bestiary-ml/bestiary/autoencoder"
	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/flows"
	"github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/train"
)

// Flow trains a flow on the embeddings that a trained autoencoder gives the pictures, and watches it on held-out ones
// (nil: it isn't watched). Where the description says Flip, the pictures' mirror images are embedded as well.
func Flow(d *tensor.Device, c flows.Config, a *autoencoder.Autoencoder, description run.Dataset, training, heldOut *data.Dataset, o Options) (*flows.RealNVP, *train.Task, error) {
	g := tensor.NewGenerator(o.Seed).Fork("flow")
	model, err := flows.NewRealNVP(d, c, g)
	if err != nil {
		return nil, nil, err
	}
	a.SetTraining(false)
	pets := sample.NewPets(d, description, a, model)
	rows, labels := pets.Embed(training.Pixels), training.Labels
	if description.Flip {
		rows = append(rows, pets.Embed(mirrored(training))...)
		labels = append(slices.Clone(labels), labels...)
	}
	if err := train.CheckFinite(rows, c.Dim, func(i int) string { return training.Name(i % training.Len()) }); err != nil {
		return nil, nil, err
	}
	if c.Standardize {
		if err := model.Fit(slices.Chunk(rows, c.Dim)); err != nil {
			return nil, nil, err
		}
	}
	source, err := train.NewRows(rows, c.Dim, labels, o.Batch, description.Balance, o.Seed)
	if err != nil {
		return nil, nil, err
	}
	deviations := d.From(sample.Deviations(rows, c.Dim), 1, c.Dim).Scale(c.Noise)
	task := &train.Task{
		Model:      "flow",
		Module:     model,
		Settings:   c,
		Source:     source,
		Unit:       "embeddings",
		Generators: map[string]*tensor.Generator{"flow": g},
		Loss: func() (*tensor.Tensor, train.Metrics) {
			x := d.From(source.X, o.Batch, c.Dim)
			if c.Noise > 0 {
				x = x.Add(g.Normal(d, o.Batch, c.Dim).Mul(deviations))
			}
			cond, err := flows.OneHot(d, source.Labels, c.Classes)
			if err != nil {
				panic(err) // labels come from the dataset
			}
			loss := model.NLL(x, cond)
			return loss, nil
		},
	}
	if c.Classes != len(training.Classes) {
		return nil, nil, errors.New("the flow has another number of classes than the pictures; leave the choice to the data")
	}
	if heldOut == nil || heldOut.Len() == 0 {
		return model, task, nil
	}
	task.Evaluate = func() (train.Metrics, error) {
		f, err := pets.MeasureFlow(heldOut)
		if err != nil {
			return nil, err
		}
		return train.Metrics{"loss": f.NLL, "bits_per_dim": f.BitsPerDim, "accuracy": f.Accuracy}, nil
	}
	task.Samples = func(path string) error { return sample.SaveClasses(path, pets, shown/2, 0.8, o.Seed) }
	return model, task, nil
}

// mirrored returns the pixels of the pictures' mirror images.
func mirrored(d *data.Dataset) []uint8 {
	pixels := make([]uint8, len(d.Pixels))
	for at := 0; at < len(pixels); at += 3 {
		row, x := at/3/d.Size*d.Size, at/3%d.Size
		copy(pixels[at:at+3], d.Pixels[3*(row+d.Size-1-x):])
	}
	return pixels
}
