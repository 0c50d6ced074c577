package tasks

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/internal/toy"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/tarflow"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/train"
)

// tarFlowOf makes the task of a small flow with dropout over the latents of a toy autoencoder.
func tarFlowOf(t *testing.T, d *tensor.Device, description data.Description, training, heldOut *data.Dataset, o Options) (*tarflow.Flow, *train.Task[train.RowBatch], error) {
	t.Helper()
	kl, small := toy.TarFlow(d)
	c := small.Config()
	c.Classes, c.Dropout = len(description.Classes), 0.1
	how := sample.TarFlowOptions{Views: 2, Augment: data.Augment{Flip: true, Crop: 0.8}}
	return TarFlow(context.Background(), d, c, how, kl, description, training, heldOut, o)
}

// Training lowers the loss of unseen latents, tells classes apart, and draws samples.
func TestTarFlowLearns(t *testing.T) {
	d, training, heldOut := open(t), animals(t, 96), animals(t, 24)
	description := data.Description{Classes: training.Classes}
	r, err := run.Create(filepath.Join(t.TempDir(), "run"))
	if err != nil {
		t.Fatal(err)
	}
	c := train.DefaultConfig()
	c.Steps, c.Batch, c.LearningRate, c.EvalEvery, c.SampleEvery = 100, 16, 3e-3, 0, 0
	model, task, err := tarFlowOf(t, d, description, training, heldOut, Options{Batch: c.Batch, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	before, after := measured(t, r.Dir(), task, c)
	if !(after["loss"] < before["loss"]-0.1) {
		t.Errorf("held-out loss %v before and %v after training", before["loss"], after["loss"])
	}
	numbers := float64(model.Config().Numbers())
	if math.Abs(after["nll_nats"]-numbers*after["loss"]) > 1e-6 || math.Abs(after["bits_per_dim"]-after["loss"]/math.Ln2) > 1e-9 {
		t.Errorf("figures that contradict each other: %v", after)
	}
	for _, name := range []string{"accuracy", "accuracy_with_prior"} {
		if a := after[name]; !(a >= 0 && a <= 1) {
			t.Errorf("%s is %v", name, a)
		}
	}
	path := filepath.Join(t.TempDir(), "samples.png")
	model.SetTraining(false)
	if err := task.Samples(path); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Size() < 1000 {
		t.Error(err)
	}
	for _, p := range nn.Params(model) {
		if p.Path == "std" && p.Tensor.Values()[0] == 1 {
			t.Error("the latents aren't standardized")
		}
	}
}

func TestTarFlowRefuses(t *testing.T) {
	d, training := open(t), animals(t, 20)
	for _, classes := range [][]string{{"dog", "cat"}, {"cat"}} {
		_, _, err := tarFlowOf(t, d, data.Description{Classes: classes}, training, nil, Options{Batch: 4, Seed: 1})
		if err == nil || !strings.Contains(err.Error(), "cat, dog") {
			t.Errorf("classes %v: %v", classes, err)
		}
	}
	kl, flow := toy.TarFlow(d)
	for want, change := range map[string]func(*tarflow.Config, *sample.TarFlowOptions){
		"Views -1": func(_ *tarflow.Config, o *sample.TarFlowOptions) { o.Views = -1 },
		"TarFlow":  func(c *tarflow.Config, _ *sample.TarFlowOptions) { c.Height = 2 },
		"Blocks":   func(c *tarflow.Config, _ *sample.TarFlowOptions) { c.Blocks = nil },
	} {
		c, how := flow.Config(), sample.TarFlowOptions{}
		change(&c, &how)
		_, _, err := TarFlow(t.Context(), d, c, how, kl, data.Description{Classes: training.Classes}, training, nil, Options{Batch: 4, Seed: 1})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}
