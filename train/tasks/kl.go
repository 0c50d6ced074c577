package tasks

import (
	"cmp"
	"context"
	"errors"
	"iter"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/eval"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/sample/layout"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/train"
	"github.com/bestiary-ml/bestiary/vqgan"
)

// LatentsOptions say how an autoencoder with maps of latents is trained beyond its Config.
type LatentsOptions struct {
	Loss              vqgan.LossConfig          `json:"loss"`
	Discriminator     vqgan.DiscriminatorConfig `json:"discriminator"`
	DiscriminatorRate float64                   `json:"discriminator_rate"` // learning rate of the discriminator, before the schedule

	// Features names what computes the features of the perceptual loss, and FeaturesSum is a checksum of its weights: a
	// resumed training needs the same. Both are "" without a perceptual loss.
	Features    string `json:"features,omitempty"`
	FeaturesSum string `json:"features_sum,omitempty"`
}

// Validate returns a [*fault.FieldError] for a value that is not allowed.
func (o LatentsOptions) Validate() error {
	if err := o.Loss.Validate(); err != nil {
		return err
	}
	if o.Loss.Adversarial == 0 {
		return nil
	}
	if !(o.DiscriminatorRate > 0) || o.DiscriminatorRate > 1 {
		return fault.Field("DiscriminatorRate", o.DiscriminatorRate, "must be above 0 and at most 1")
	}
	err := o.Discriminator.Validate()
	var wrong *fault.FieldError
	if errors.As(err, &wrong) {
		wrong.Field = "Discriminator." + wrong.Field
	}
	return err
}

// discriminatorAdam are the constants of the optimizer in taming-transformers: a short memory of gradients, which change
// direction as the opponent does.
var discriminatorAdam = train.AdamOptions{Beta1: 0.5, Beta2: 0.9, Eps: 1e-8}

// KL trains an autoencoder with continuous latents to reproduce pictures, and evaluates it on held-out ones (nil: no
// evaluation). The perceptual loss (nil: none) is that of the options' Features. The description says where the pictures
// come from and how they are shown; the run folder keeps it. They have the Config's size and channels.
func KL(d *tensor.Device, c vqgan.Config, how LatentsOptions, perceptual *vqgan.Perceptual, description data.Description, training, heldOut *data.Dataset, o Options) (model *vqgan.Model, task *train.Task[train.PictureBatch], err error) {
	defer fault.Catch(&err)
	g := tensor.NewGenerator(o.Seed).Fork(models.KL.Name)
	if model, err = vqgan.NewKL(d, c, g); err != nil {
		return nil, nil, err
	}
	if err := model.FitLinear(slicesOf(d, few(training, calibrated), max(o.Batch, 1))); err != nil {
		return nil, nil, err
	}
	task, err = latentsTask(d, models.KL.Name, model, g, how, figuresOf, perceptual, description, training, heldOut, o)
	if err != nil {
		return nil, nil, err
	}
	return model, task, nil
}

// latentsTask is the training of a model under a name. g is the generator that initialised it, from which it goes on to
// draw. figures returns what the metrics report of a loss.
func latentsTask(d *tensor.Device, name string, model *vqgan.Model, g *tensor.Generator, how LatentsOptions, figures func(vqgan.Result) *train.Figures, perceptual *vqgan.Perceptual, description data.Description, training, heldOut *data.Dataset, o Options) (*train.Task[train.PictureBatch], error) {
	c := model.Config()
	how.Discriminator.Channels = c.Channels
	if err := cmp.Or(how.Validate(), checkPictures(c.ImageSize, c.Channels, training, heldOut), checkGrow(description, heldOut)); err != nil {
		return nil, err
	}
	if least := how.Discriminator.SmallestSize(); how.Loss.Adversarial > 0 && c.ImageSize < least {
		return nil, fault.Field("Discriminator.Layers", how.Discriminator.Layers, "takes pictures of %d pixels or more, and these have %d; use fewer", least, c.ImageSize)
	}
	describe(&description, training, heldOut)
	source, err := train.NewPictures(training, data.LoaderOptions{Shuffle: true, Batch: o.Batch, Seed: o.Seed, Augment: description.Augment, Balance: description.Balance})
	if err != nil {
		return nil, err
	}
	objective := &vqgan.Objective{Model: model, Config: how.Loss, Generator: g}
	if how.Loss.Perceptual > 0 {
		objective.Perceptual = perceptual
	}
	generators := map[string]*tensor.Generator{name: g}
	var state any
	if how.Loss.Adversarial > 0 && how.Loss.Augment > 0 {
		objective.Augmentation, objective.Augmenter = &vqgan.Augmentation{}, g.Fork("augmentation")
		generators["augmentation"], state = objective.Augmenter, objective.Augmentation
	}
	now := 0
	task := &train.Task[train.PictureBatch]{
		Model:      name,
		Module:     model,
		Settings:   c,
		Options:    how,
		Data:       description,
		Source:     source,
		Generators: generators,
		State:      state,
		Before:     func(step int) { now = step },
		Loss: func(batch train.PictureBatch) (*tensor.Tensor, *train.Figures) {
			judged := how.Loss.Adversarial > 0 && now >= how.Loss.AdversarialStart
			r := objective.Loss(batch.Tensor(d), judged) // [N, S, S, C]
			return r.Loss, figures(r)
		},
		Calibrate: func() error { return model.MeasureLatents(slicesOf(d, few(training, calibrated), o.Batch)) },
	}
	if how.Loss.Adversarial > 0 {
		if how.Loss.Augment > 0 {
			task.Joint = joint("Augment", how.Loss.Augment)
		}
		if task.Adversary, err = adversary(d, objective, how, tensor.NewGenerator(o.Seed).Fork("discriminator")); err != nil {
			return nil, err
		}
	}
	if heldOut == nil || heldOut.Len() == 0 {
		return task, nil
	}
	pipeline, err := sample.NewLatents(d, description, model)
	if err != nil {
		return nil, err
	}
	evaluateOn(task, description, training, heldOut, func(pictures *data.Dataset) (train.Metrics, error) {
		r, err := eval.MeasureLatents(context.Background(), pipeline, pictures)
		return train.Metrics{"loss": r.MSE, "psnr_db": r.PSNR}, err
	})
	task.Samples = func(path string) error {
		some := few(heldOut, shown)
		made, err := pipeline.Reconstruct(context.Background(), some.Pixels)
		if err != nil {
			return err
		}
		return layout.SaveReconstructions(path, pipeline.Pictures(some.Pixels), made)
	}
	return task, nil
}

// calibrated is the number of training pictures over which the statistics of the latents are measured.
const calibrated = 1024

// slicesOf iterates over pictures in batches [n, S, S, C], in a step of the device each.
func slicesOf(d *tensor.Device, pictures *data.Dataset, batch int) iter.Seq[*tensor.Tensor] {
	return func(yield func(*tensor.Tensor) bool) {
		n, size, channels := pictures.Len(), pictures.Size, max(pictures.Channels, 3)
		one := func(lo int) bool {
			s := d.Scratch()
			defer s.End()
			hi := min(lo+batch, n)
			return yield(d.From(pixels(pictures, lo, hi), hi-lo, size, size, channels))
		}
		for lo := 0; lo < n && one(lo); lo += batch {
		}
	}
}

// figuresOf returns what the metrics report of a loss.
func figuresOf(r vqgan.Result) *train.Figures {
	names := []string{"pixels", "perceptual", "judged", "judged_weight"}
	tensors := []*tensor.Tensor{r.Pixels, r.Perceptual, r.Adversarial, r.Weight}
	for name, value := range r.Figures {
		names, tensors = append(names, name), append(tensors, value)
	}
	return &train.Figures{Tensors: tensors, Metrics: func(values [][]float32) train.Metrics {
		m := train.Metrics{}
		for i, name := range names {
			m[name] = float64(values[i][0])
		}
		return m
	}}
}

// adversary is the discriminator's part of the training.
func adversary(d *tensor.Device, objective *vqgan.Objective, how LatentsOptions, g *tensor.Generator) (a *train.Adversary[train.PictureBatch], err error) {
	if objective.Discriminator, err = vqgan.NewDiscriminator(d, how.Discriminator, g); err != nil {
		return nil, err
	}
	metrics := []string{"logits_real", "logits_made"}
	if objective.Augmentation != nil {
		metrics = append(metrics, "augmented")
	}
	return &train.Adversary[train.PictureBatch]{
		Module: objective.Discriminator, Adam: discriminatorAdam, LearningRate: how.DiscriminatorRate, Start: how.Loss.AdversarialStart,
		Metrics: metrics,
		Loss: func(batch train.PictureBatch) (*tensor.Tensor, *train.Figures) {
			loss, real, made := objective.DiscriminatorLoss(batch.Tensor(d))
			return loss, &train.Figures{
				Tensors: []*tensor.Tensor{real, made},
				Metrics: func(values [][]float32) train.Metrics {
					m := train.Metrics{"logits_real": mean(values[0]), "logits_made": mean(values[1])}
					if a := objective.Augmentation; a != nil {
						m["augmented"] = a.P
						a.Update(values[0], batch.Len(), how.Loss.Augment)
					}
					return m
				},
			}
		},
	}, nil
}

func mean(values []float32) float64 {
	sum := 0.0
	for _, v := range values {
		sum += float64(v)
	}
	return sum / float64(len(values))
}
