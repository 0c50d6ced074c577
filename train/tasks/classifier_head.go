package tasks

import (
	"cmp"
	"context"

	"github.com/bestiary-ml/bestiary/backbone"
	"github.com/bestiary-ml/bestiary/classifier"
	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/eval"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/train"
)

// DefaultClassifierHead returns the settings of [DefaultClassifier] for a classifier with a backbone, of which only the last
// layer is trained: fewer and larger steps.
func DefaultClassifierHead(backbone string) Defaults[classifier.Config] {
	all := DefaultClassifier()
	all.Model = all.Model.WithBackbone(backbone)
	all.Training.Steps, all.Training.LearningRate, all.Training.EMA, all.Training.Warmup = 200, 2e-3, 0.98, 20
	all.Training.EvalEvery, all.Training.CheckpointEvery, all.Training.WeightDecay = 50, 100, 0.3
	return all
}

// headViews is the number of random views of each picture whose features a classifier with a backbone is trained on.
const headViews = 4

// ClassifierHead is [Classifier] for a model with a backbone, b, whose weights it copies. The features of the training pictures, and
// with augmentation of some random views of each, are computed first, which takes a while and stops when the context ends. The
// training then takes seconds.
func ClassifierHead(ctx context.Context, d *tensor.Device, c classifier.Config, b *backbone.Backbone, description data.Description, training, heldOut *data.Dataset, o Options) (model *classifier.Classifier, task *train.Task[train.RowBatch], err error) {
	defer fault.Catch(&err)
	device, err := take(ctx, d)
	if err != nil {
		return nil, nil, err
	}
	defer device.end()
	if err := cmp.Or(checkPictures(c.ImageSize, c.Channels, training, heldOut), checkNoGrow(description)); err != nil {
		return nil, nil, err
	}
	targets, err := eval.TargetsOf(training, c) // [N, classes]
	if err != nil {
		return nil, nil, err
	}
	if err := checkTargets(c, targets, training); err != nil {
		return nil, nil, err
	}
	g := tensor.NewGenerator(o.Seed).Fork(models.Classifier.Name)
	if model, err = classifier.New(d, c, g); err != nil {
		return nil, nil, err
	}
	if err := model.SetBackbone(b); err != nil {
		return nil, nil, err
	}
	describe(&description, training, heldOut)
	rows, labels, err := embedViews(ctx, device, inParts(model.Features, c.PicturesAtOnce()), training, description.Augment, headViews, o)
	if err != nil {
		return nil, nil, err
	}
	if err := model.Standardize(rows); err != nil {
		return nil, nil, err
	}
	source, err := train.NewRows(rows, c.Features(), labels, o.Batch, description.Balance, o.Seed)
	if err != nil {
		return nil, nil, err
	}
	classes := len(c.Classes)
	task = &train.Task[train.RowBatch]{
		Model:      models.Classifier.Name,
		Module:     model,
		Settings:   c,
		Options:    eval.JudgeOptions{Data: description},
		Source:     source,
		Unit:       "views",
		Generators: map[string]*tensor.Generator{models.Classifier.Name: g},
		Check:      train.RowBatch.Check,
		Loss: func(batch train.RowBatch) (*tensor.Tensor, *train.Figures) {
			own := make([]float32, 0, batch.Len()*classes)
			for _, i := range batch.Indices {
				i %= training.Len() // all views of the pictures follow each other
				own = append(own, targets[i*classes:(i+1)*classes]...)
			}
			loss, _ := model.FeatureLoss(batch.Tensor(d), d.From(own, batch.Len(), classes)) // of [N, F] and [N, classes]
			return loss, nil
		},
	}
	if heldOut == nil || heldOut.Len() == 0 {
		return model, task, nil
	}
	measure, err := measureClassifier(d, model, description)
	if err != nil {
		return nil, nil, err
	}
	evaluateOn(task, description, training, heldOut, measure)
	return model, task, nil
}

// inParts returns a function that computes f of at most n pictures at a time, so that their activations need less memory.
func inParts(f func(x *tensor.Tensor) *tensor.Tensor, n int) func(x *tensor.Tensor) *tensor.Tensor {
	return func(x *tensor.Tensor) *tensor.Tensor {
		d := x.Device()
		var values []float32
		for lo := 0; lo < x.Dim(0); lo += n {
			step := d.Scratch()
			values = append(values, f(x.Slice(0, lo, min(lo+n, x.Dim(0)))).Values()...)
			step.End()
		}
		return d.From(values, x.Dim(0), len(values)/x.Dim(0))
	}
}
