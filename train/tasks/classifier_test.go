package tasks

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/classifier"
	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/drawn"
	"github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/train"
)

func smallClassifier(classes ...string) classifier.Config {
	return classifier.Config{ImageSize: 32, Channels: 3, Classes: classes, Widths: []int{4, 6}, Blocks: 1, Dropout: 0.2, Smoothing: 0.1}
}

// TestClassifierResumes compares an interrupted training with one that went through.
func TestClassifierResumes(t *testing.T) {
	d, training, heldOut := open(t), animals(t, 44), animals(t, 12)
	o := Options{Batch: 8, Seed: 4}
	trained := trainedBy(func() (nn.Module, *train.Task[train.PictureBatch], error) {
		return Classifier(d, smallClassifier(training.Classes...), data.Description{Path: "drawn", Augment: varied}, training, heldOut, o)
	})
	c := train.DefaultConfig()
	c.Steps, c.Batch, c.Seed, c.EvalEvery, c.SampleEvery = 14, o.Batch, o.Seed, 3, 0
	whole := trained(t, filepath.Join(t.TempDir(), "whole"), c, 0)
	broken := filepath.Join(t.TempDir(), "broken")
	trained(t, broken, c, 6)
	alike(t, whole, trained(t, broken, c, 0))
}

// TestClassifierLearns checks that classes, and colour words of captions, are learned, so that targets and pictures fit.
func TestClassifierLearns(t *testing.T) {
	birds, err := drawn.NewBirds(1, 300, drawn.Options{Size: 32})
	if err != nil {
		t.Fatal(err)
	}
	words := smallClassifier("red", "white", "blue")
	words.Attributes = true
	for _, test := range []struct {
		name  string
		model classifier.Config
		all   *data.Dataset
	}{{"classes", smallClassifier("cat", "dog"), animals(t, 300)}, {"words", words, birds.Dataset}} {
		t.Run(test.name, func(t *testing.T) {
			training, heldOut := test.all.Where(func(i int) bool { return i < 240 }), test.all.Where(func(i int) bool { return i >= 240 })
			r, err := run.Create(filepath.Join(t.TempDir(), "run"))
			if err != nil {
				t.Fatal(err)
			}
			c := train.DefaultConfig()
			c.Steps, c.Batch, c.LearningRate, c.EvalEvery, c.SampleEvery = 240, 32, 1e-2, 0, 0
			_, task, err := Classifier(open(t), test.model, data.Description{}, training, heldOut, Options{Batch: 32, Seed: 1})
			if err != nil {
				t.Fatal(err)
			}
			before, after := measured(t, r.Dir(), task, c)
			if !(after["loss"] < before["loss"]-0.1 && after["accuracy"] > after["majority_rate"]+0.1) {
				t.Errorf("%v before and %v after training", before, after)
			}
		})
	}
}

func TestClassifierTargets(t *testing.T) {
	d, pets := open(t), animals(t, 20)
	one := pets.Where(func(i int) bool { return pets.Label(i) == 0 })
	birds, err := drawn.NewBirds(1, 20, drawn.Options{Size: 32})
	if err != nil {
		t.Fatal(err)
	}
	words := smallClassifier("bird")
	words.Attributes = true
	for want, build := range map[string]func() error{
		"two classes or more": func() error {
			_, _, err := Classifier(d, smallClassifier(pets.Classes...), data.Description{}, one, nil, Options{Batch: 4})
			return err
		},
		"the class \"cat\"": func() error {
			_, _, err := Classifier(d, smallClassifier("owl", "newt"), data.Description{}, pets, nil, Options{Batch: 4})
			return err
		},
		"no captions": func() error {
			_, _, err := Classifier(d, words, data.Description{}, pets, nil, Options{Batch: 4})
			return err
		},
		"20 of 20": func() error {
			_, _, err := Classifier(d, words, data.Description{}, birds.Dataset, nil, Options{Batch: 4})
			return err
		},
		"words": func() error { _, err := ColourWords(pets); return err },
		"rouge": func() error {
			french := *birds.Dataset
			french.Captions = make([][]string, 20)
			for i := range french.Captions {
				french.Captions[i] = []string{"un oiseau rouge"}
			}
			_, err := ColourWords(&french)
			return err
		},
	} {
		var wrong *fault.FieldError
		if err := build(); !errors.As(err, &wrong) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if words, err := ColourWords(birds.Dataset); err != nil || len(words) < 2 {
		t.Errorf("colour words of birds: %v, %v", words, err)
	}
}
