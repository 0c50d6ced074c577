package tasks

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/bestiary-ml/bestiary/classifier"
	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/eval"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/train"
)

// DefaultClassifier returns settings for photos of animals. The pictures decide Classes in Model.
func DefaultClassifier() Defaults[classifier.Config] {
	c := train.DefaultConfig()
	c.Steps, c.Batch, c.LearningRate, c.Schedule, c.Warmup, c.EMA = 2000, 64, 2e-3, "cosine", 100, 0.998
	c.Optimizer, c.WeightDecay, c.DecayMatrices, c.Clip = "adamw", 0.05, true, 5
	c.EvalEvery, c.SampleEvery, c.CheckpointEvery = 100, 0, 500
	how := data.Description{Share: 0.1, Augment: data.Augment{Flip: true, Zoom: 0.6, Colour: 0.2}}
	return Defaults[classifier.Config]{Model: classifier.DefaultConfig(), Training: c, Data: how}
}

// Classifier trains a classifier to name the classes of pictures or, with Config.Attributes, the words in their captions.
// It evaluates it on held-out pictures (nil: no evaluation). The description says where the pictures come from and how
// they are shown; the run folder keeps it with the model, since a generator of the same run may have other pictures.
func Classifier(d *tensor.Device, c classifier.Config, description data.Description, training, heldOut *data.Dataset, o Options) (model *classifier.Classifier, task *train.Task[train.PictureBatch], err error) {
	defer fault.Catch(&err)
	if err := cmp.Or(checkPictures(c.ImageSize, c.Channels, training, heldOut), checkGrow(description, heldOut)); err != nil {
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
	describe(&description, training, heldOut)
	source, err := train.NewPictures(training, data.LoaderOptions{Shuffle: true, Batch: o.Batch, Seed: o.Seed, Augment: description.Augment, Balance: description.Balance})
	if err != nil {
		return nil, nil, err
	}
	classes := len(c.Classes)
	task = &train.Task[train.PictureBatch]{
		Model:      models.Classifier.Name,
		Module:     model,
		Settings:   c,
		Options:    eval.JudgeOptions{Data: description},
		Source:     source,
		Generators: map[string]*tensor.Generator{models.Classifier.Name: g},
		Loss: func(batch train.PictureBatch) (*tensor.Tensor, *train.Figures) {
			own := make([]float32, 0, batch.Len()*classes)
			for _, i := range batch.Indices {
				own = append(own, targets[i*classes:(i+1)*classes]...)
			}
			loss, _ := model.Loss(batch.Tensor(d), d.From(own, batch.Len(), classes)) // of [N, S, S, C] and [N, classes]
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

// measureClassifier returns the evaluation of a classifier on pictures.
func measureClassifier(d *tensor.Device, model *classifier.Classifier, description data.Description) (func(pictures *data.Dataset) (train.Metrics, error), error) {
	judge, err := eval.NewJudge(d, model, description)
	if err != nil {
		return nil, err
	}
	return func(pictures *data.Dataset) (train.Metrics, error) {
		f, err := eval.MeasureClassifier(context.Background(), judge, pictures)
		if err != nil {
			return nil, err
		}
		return train.Metrics{"loss": f.Loss, "accuracy": f.Accuracy, "majority_rate": f.MajorityRate}, nil
	}, nil
}

// checkTargets returns an error unless there are pictures of two classes, or with and without each attribute.
func checkTargets(c classifier.Config, targets []float32, training *data.Dataset) error {
	counts := make([]int, len(c.Classes))
	for i, t := range targets {
		if t > 0 {
			counts[i%len(counts)]++
		}
	}
	var with []string
	for i, n := range counts {
		switch {
		case c.Attributes && (n == 0 || n == training.Len()):
			return fault.Field("Labels", nil, "%q is a word of the captions of %d of %d pictures, so there is nothing to tell apart; leave it out", c.Classes[i], n, training.Len())
		case n > 0:
			with = append(with, c.Classes[i])
		}
	}
	if !c.Attributes && len(with) < 2 {
		return fault.Field("Data", nil, "all %d pictures are of the class %s, and a classifier needs two classes or more; put the pictures of each class in a sub-folder of its name",
			training.Len(), strings.Join(with, ""))
	}
	return nil
}

// ColourWords returns those of [classifier.Colours] that are attributes of at least a hundredth of the pictures and not of
// all. It is an error if there are none.
func ColourWords(training *data.Dataset) (words []string, err error) {
	if training.Captions == nil {
		return nil, fault.Field("Labels", "words", "needs captions, and the pictures have none; give pictures with captions")
	}
	counts := make([]int, len(classifier.Colours))
	for _, captions := range training.Captions {
		for i, has := range classifier.AttributesOf(captions, classifier.Colours) {
			counts[i] += int(has)
		}
	}
	for i, n := range counts {
		if n > 0 && 100*n >= training.Len() && n < training.Len() {
			words = append(words, classifier.Colours[i])
		}
	}
	if len(words) == 0 {
		return nil, fault.Field("Labels", "words", "finds no English colour word that some captions have and others don't; name the words to look for, as in %s", fmt.Sprintf("%q", "words:rouge,bleu"))
	}
	return words, nil
}
