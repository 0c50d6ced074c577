package tasks

import (
	"context"
	"errors"
	"testing"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/train"
	"github.com/bestiary-ml/bestiary/vqgan"
)

// losses are what a task with initial weights measures.
type losses struct{ heldOut, training float64 }

// lossesOf evaluates a task and, if its augmentation grows, the training pictures.
func lossesOf[B train.Batch](d *tensor.Device, model nn.Module, task *train.Task[B], err error) (l losses, _ error) {
	if err != nil {
		return l, err
	}
	return l, d.Exclusive(context.Background(), func() error {
		model.SetTraining(false)
		m, err := task.Evaluate()
		if l.heldOut = m["loss"]; err != nil || task.EvaluateTraining == nil {
			return err
		}
		if m, err = task.EvaluateTraining(); err != nil {
			return err
		}
		l.training = m["loss"]
		return any(task.Source).(interface{ Vary(float64) error }).Vary(0.5)
	})
}

// TestEvaluateTraining compares the loss of training pictures, by which augmentation grows, with that of a task that holds the same pictures
// out. Without growth there is none. Each task refuses augmentation that can't grow.
func TestEvaluateTraining(t *testing.T) {
	d, words := open(t), tokens(t, birds(t, 1, 30))
	ctx, o := context.Background(), Options{Batch: 4, Seed: 4}
	how := func(description data.Description) CaptionOptions {
		return CaptionOptions{Data: description, Truncate: true}
	}
	for name, f := range map[string]func(description data.Description, training, heldOut *data.Dataset) (losses, error){
		"autoencoder": func(description data.Description, training, heldOut *data.Dataset) (losses, error) {
			m, task, err := Autoencoder(d, sizes, description, training, heldOut, o)
			return lossesOf(d, m, task, err)
		},
		"kl": func(description data.Description, training, heldOut *data.Dataset) (losses, error) {
			m, task, err := KL(d, latentSizes, opposed(), perceptual(d), description, training, heldOut, o)
			return lossesOf(d, m, task, err)
		},
		"vqgan": func(description data.Description, training, heldOut *data.Dataset) (losses, error) {
			c, how := smallVQGAN(vqgan.VQ)
			m, task, err := VQGAN(d, c, how, nil, description, training, heldOut, o)
			return lossesOf(d, m, task, err)
		},
		"dvae": func(description data.Description, training, heldOut *data.Dataset) (losses, error) {
			m, task, err := DVAE(d, codeSizes, DefaultDVAEOptions(4), description, training, heldOut, o)
			return lossesOf(d, m, task, err)
		},
		"classifier": func(description data.Description, training, heldOut *data.Dataset) (losses, error) {
			m, task, err := Classifier(d, smallClassifier(training.Classes...), description, training, heldOut, o)
			return lossesOf(d, m, task, err)
		},
		"dalle": func(description data.Description, training, heldOut *data.Dataset) (losses, error) {
			m, task, err := DALLE(ctx, d, dalleSizes(words), coderOf(t, d), words, how(description), training, heldOut, o)
			return lossesOf(d, m, task, err)
		},
		"maskgit": func(description data.Description, training, heldOut *data.Dataset) (losses, error) {
			m, task, err := MaskGIT(ctx, d, maskedSizes(words), coderOf(t, d), words, how(description), training, heldOut, o)
			return lossesOf(d, m, task, err)
		},
		"rectified": func(description data.Description, training, heldOut *data.Dataset) (losses, error) {
			m, task, err := Rectified(ctx, d, rectifiedSizes(words), latentCoderOf(t, d), words, how(description), training, heldOut, o)
			return lossesOf(d, m, task, err)
		},
		"clip": func(description data.Description, training, heldOut *data.Dataset) (losses, error) {
			m, task, err := CLIP(d, clipSizes(words), words, how(description), training, heldOut, o)
			return lossesOf(d, m, task, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			training, heldOut := birds(t, 1, 30), birds(t, 2, 12)
			if name == "autoencoder" || name == "classifier" {
				training, heldOut = animals(t, 30), animals(t, 42).Where(func(i int) bool { return i >= 30 })
			}
			grows := data.Description{Augment: data.Augment{Crop: 0.75}, Grow: true}
			still := grows
			still.Grow = false
			got, err := f(grows, training, heldOut)
			known, err2 := f(still, training, few(training, heldOut.Len()))
			if errors.Join(err, err2) != nil {
				t.Fatal(err, err2)
			}
			if got.training != known.heldOut || got.training == got.heldOut || got.training == 0 {
				t.Errorf("loss of the training pictures %v, held out %v; the same pictures held out have %v", got.training, got.heldOut, known.heldOut)
			}
			if known.training != 0 {
				t.Error("measures training pictures although nothing grows")
			}
			mirrored := grows
			mirrored.Augment = data.Augment{Flip: true}
			refuses(t, "Grow", func() error { _, err := f(mirrored, training, heldOut); return err })
			refuses(t, "Grow", func() error { _, err := f(grows, training, nil); return err })
			if name == "clip" {
				refuses(t, "Grow", func() error { _, err := f(grows, training, few(heldOut, 1)); return err })
			}
		})
	}
}

func refuses(t *testing.T, field string, f func() error) {
	t.Helper()
	var wrong *fault.FieldError
	if err := f(); !errors.As(err, &wrong) || wrong.Field != field {
		t.Errorf("got %v, want an error of %s", err, field)
	}
}

// TestViewsDontGrow gives trainings whose views are computed first augmentation that should grow.
func TestViewsDontGrow(t *testing.T) {
	d, words := open(t), tokens(t, birds(t, 1, 30))
	grows := data.Description{Augment: data.Augment{Crop: 0.75}, Grow: true}
	refuses(t, "Views", func() error {
		how := CaptionOptions{Data: grows, Truncate: true, Views: 2}
		_, _, err := Rectified(context.Background(), d, rectifiedSizes(words), latentCoderOf(t, d), words, how, birds(t, 1, 30), birds(t, 2, 12), Options{Batch: 4})
		return err
	})
	refuses(t, "Grow", func() error {
		training := animals(t, 20)
		_, _, err := ClassifierHead(context.Background(), d, headConfig(training), randomBackbone(t, d), grows, training, animals(t, 8), Options{Batch: 4})
		return err
	})
}
