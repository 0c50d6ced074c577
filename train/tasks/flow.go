package tasks

import (
	"context"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/autoencoder"
	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/eval"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/flows"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/nn/sampling"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/train"
)

// Flow trains a flow on embeddings [N, E] of pictures, which a trained autoencoder makes, and evaluates it on held-out
// pictures (nil: no evaluation). With augmentation in the description, each picture is embedded in several views. The
// embedding takes a while and stops when the context ends. The pictures must have the classes of the description, in its
// order.
func Flow(ctx context.Context, d *tensor.Device, c flows.Config, a *autoencoder.Autoencoder, description data.Description, training, heldOut *data.Dataset, o Options) (model *flows.ClassFlow, task *train.Task[train.RowBatch], err error) {
	defer fault.Catch(&err)
	device, err := take(ctx, d)
	if err != nil {
		return nil, nil, err
	}
	defer device.end()
	if a == nil {
		return nil, nil, fault.Field("Autoencoder", nil, "must not be nil; give the one whose embeddings the flow learns")
	}
	if err := checkPictures(a.Config().ImageSize, 3, training, heldOut); err != nil {
		return nil, nil, err
	}
	if !slices.Equal(training.Classes, description.Classes) || c.Classes != len(description.Classes) {
		return nil, nil, fault.Field("Data", nil, "the classes are %s, but the run's are %s; give pictures of the same classes",
			strings.Join(training.Classes, ", "), strings.Join(description.Classes, ", "))
	}
	if c.Batched() && c.Norm != flows.BatchNormalization && o.Batch < 2 {
		return nil, nil, fault.Field("Batch", o.Batch, "must be 2 or more: a single row can't initialise activation norm")
	}
	g := tensor.NewGenerator(o.Seed).Fork(models.Flow.Name)
	if model, err = flows.NewClassFlow(d, c, g); err != nil {
		return nil, nil, err
	}
	a.SetTraining(false)
	pets, err := sample.NewFlow(d, description, sample.FlowModels{Autoencoder: a, Flow: model})
	if err != nil {
		return nil, nil, err
	}
	rows, labels, err := embedViews(ctx, device, a.Encode, training, description.Augment, DefaultViews, o)
	if err != nil {
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
	deviations := d.From(eval.Deviations(rows, c.Dim), 1, c.Dim).Scale(c.Noise)
	task = &train.Task[train.RowBatch]{
		Model:      models.Flow.Name,
		Module:     model,
		Settings:   c,
		Options:    sample.FlowOptions{Autoencoder: nn.Checksum(a)},
		Source:     source,
		Unit:       "embeddings",
		Generators: map[string]*tensor.Generator{models.Flow.Name: g},
		Check:      train.RowBatch.Check,
		Loss: func(batch train.RowBatch) (*tensor.Tensor, *train.Figures) {
			x := batch.Tensor(d) // [N, E]
			if c.Noise > 0 {
				x = x.Add(g.Normal(d, batch.Len(), c.Dim).Mul(deviations))
			}
			cond, err := flows.OneHot(d, batch.Labels, c.Classes) // [N, classes]
			if err != nil {
				panic(err) // labels come from the dataset
			}
			return model.NLL(x, cond), nil
		},
	}
	if heldOut == nil || heldOut.Len() == 0 {
		return model, task, nil
	}
	task.Evaluate = func() (train.Metrics, error) {
		f, err := eval.MeasureDensity(context.Background(), pets, heldOut)
		if err != nil {
			return nil, err
		}
		return train.Metrics{"loss": f.NLL, "bits_per_dim": f.BitsPerDim, "accuracy": f.Accuracy}, nil
	}
	typical := sampling.Default()
	typical.Temperature = 0.8
	task.Samples = func(path string) error {
		return sample.SaveClasses(context.Background(), path, pets, sample.Options{N: shown / 2, Sampling: &typical, Seed: o.Seed})
	}
	return model, task, nil
}

// DefaultViews is the number of random views of each picture that flows are trained on with augmentation.
const DefaultViews = 8

// embedViews returns embeddings [rows, E] of the training pictures, unchanged and in a number of random views, with their
// labels. Without augmentation there are no views.
func embedViews(ctx context.Context, on *hold, encode func(x *tensor.Tensor) *tensor.Tensor, training *data.Dataset, how data.Augment, views int, o Options) (rows []float32, labels []int, err error) {
	d, passes := on.device, 1
	if how.Varies() {
		passes += views
	}
	size, n := training.Size, min(o.Batch, training.Len())
	for pass := range passes {
		options := data.LoaderOptions{Batch: n, Seed: o.Seed + uint64(pass)}
		if pass > 0 { // the first pass shows the pictures unchanged
			options.Augment = how
		}
		loader, err := data.NewLoader(training, options)
		if err != nil {
			return nil, nil, err
		}
		for range loader.Batches() {
			if err := on.yield(ctx); err != nil {
				loader.Close()
				return nil, nil, err
			}
			batch := loader.Next()
			step := d.Scratch()
			rows = append(rows, encode(d.From(batch.Pixels, batch.Len(), size, size, max(3, training.Channels))).Values()...)
			step.End()
			labels = append(labels, batch.Labels...)
			if o.Progress != nil {
				o.Progress(len(labels), passes*training.Len())
			}
		}
		loader.Close()
	}
	dim := len(rows) / len(labels)
	return rows, labels, train.CheckFinite(rows, dim, func(i int) string { return training.Name(i % training.Len()) })
}
