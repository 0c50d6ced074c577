package tasks

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/autoencoder"
	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/flows"
	"github.com/bestiary-ml/bestiary/internal/drawn"
	"github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/train"
	"github.com/google/go-cmp/cmp"
)

var (
	sizes  = autoencoder.Config{ImageSize: 32, Channels: []int{3, 3, 4, 4, 6, 6}, Hidden: 12, Embedding: 5, Dropout: 0.2}
	varied = data.Augment{Flip: true, Zoom: 0.8, Colour: 0.1}
)

func open(t *testing.T) *tensor.Device {
	t.Helper()
	d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func animals(t *testing.T, n int) *data.Dataset {
	t.Helper()
	d, err := drawn.New(5, n, drawn.Options{Size: sizes.ImageSize})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func shape() flows.Config {
	c := flows.DefaultConfig(sizes.Embedding, 2)
	c.Layers, c.Hidden, c.Noise = 3, []int{8}, 0.1
	return c
}

// encoder is an autoencoder with its initial weights.
func encoder(t *testing.T, d *tensor.Device) *autoencoder.Autoencoder {
	t.Helper()
	a, err := autoencoder.New(d, sizes, tensor.NewGenerator(2))
	if err != nil {
		t.Fatal(err)
	}
	a.SetTraining(false)
	return a
}

func TestHoldOut(t *testing.T) {
	all := animals(t, 400)
	training, heldOut := HoldOut(all, 0.2)
	if training.Len()+heldOut.Len() != all.Len() || heldOut.Len() < 50 || heldOut.Len() > 110 {
		t.Errorf("%d + %d out of %d pictures, want about a fifth held out", training.Len(), heldOut.Len(), all.Len())
	}
	_, fewer := HoldOut(all.Where(func(i int) bool { return i%3 != 0 }), 0.2)
	for _, name := range fewer.Names {
		if !slices.Contains(heldOut.Names, name) {
			t.Errorf("%s is held out only if other pictures are missing", name)
		}
	}
	_, more := HoldOut(all, 0.5)
	for _, name := range heldOut.Names {
		if !slices.Contains(more.Names, name) {
			t.Errorf("%s is held out by a small share and not by a large one", name)
		}
	}
	for n, want := range map[int]map[float64][2]int{
		1: {0: {1, 0}, 0.1: {1, 0}, 0.9: {1, 0}},
		2: {0: {2, 0}, 1e-9: {1, 1}, 0.999: {1, 1}},
		9: {0: {9, 0}, 1e-9: {8, 1}, 0.999: {1, 8}},
	} {
		some := all.Where(func(i int) bool { return i < n })
		for share, want := range want {
			if training, heldOut := HoldOut(some, share); training.Len() != want[0] || heldOut.Len() != want[1] {
				t.Errorf("a share of %v of %d pictures leaves %d and holds out %d, want %d", share, n, training.Len(), heldOut.Len(), want)
			}
		}
	}
	if training, heldOut := HoldOut(all, 0); training.Len() != all.Len() || heldOut.Len() != 0 {
		t.Errorf("a share of 0 holds out %d pictures", heldOut.Len())
	}
}

// TestResume interrupts each task in the middle of an epoch, resumes it with everything made anew, and compares all
// parameters and statistics with those of a training that went through.
func TestResume(t *testing.T) {
	d, training := open(t), animals(t, 44)
	for _, balance := range []bool{false, true} {
		description := data.Description{Path: "drawn", Classes: training.Classes, Augment: varied, Balance: balance}
		if balance {
			training = training.Where(func(i int) bool { return training.Label(i) == 0 || i%4 == 1 })
		}
		heldOut := animals(t, 12)
		o := Options{Batch: 8, Seed: 4}
		for name, make := range map[string]func() (nn.Module, *train.Task, error){
			"autoencoder": func() (nn.Module, *train.Task, error) {
				return Autoencoder(d, sizes, description, training, heldOut, o)
			},
			"flow": func() (nn.Module, *train.Task, error) {
				return Flow(context.Background(), d, shape(), encoder(t, d), description, training, heldOut, o)
			},
		} {
			t.Run(fmt.Sprintf("%s, balance %t", name, balance), func(t *testing.T) {
				c := train.DefaultConfig()
				c.Steps, c.Batch, c.Seed, c.EvalEvery, c.SampleEvery = 14, o.Batch, o.Seed, 3, 0
				whole := trained(t, make, filepath.Join(t.TempDir(), "whole"), c, 0)
				broken := filepath.Join(t.TempDir(), "broken")
				trained(t, make, broken, c, 6)
				if diff := cmp.Diff(whole, trained(t, make, broken, c, 0)); diff != "" {
					t.Errorf("a resumed training comes by other weights (- whole, + resumed):\n%s", diff)
				}
			})
		}
	}
}

// trained trains a task in a run folder, or goes on with it there, until a step is done (0: to the end), and returns
// its state.
func trained(t *testing.T, make func() (nn.Module, *train.Task, error), dir string, c train.Config, until int) any {
	t.Helper()
	module, task, err := make()
	if err != nil {
		t.Fatal(err)
	}
	r, err := run.Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	loss, steps := task.Loss, 0
	task.Loss = func() (*tensor.Tensor, *train.Figures) {
		if steps++; steps == until {
			cancel()
		}
		return loss()
	}
	_, err = train.Run(ctx, r.Dir(), *task, c, train.Options{Resume: r.HasState(task.Model)})
	var stopped *train.Interrupted
	if until > 0 && (!errors.As(err, &stopped) || stopped.Step != until) || until == 0 && err != nil {
		t.Fatalf("until step %d: %v", until, err)
	}
	return weights.Of(module)
}

// TestTrainingHelps checks that both losses fall on unseen pictures, so that batches, labels and models fit together.
func TestTrainingHelps(t *testing.T) {
	d, training, heldOut := open(t), animals(t, 96), animals(t, 24)
	description := data.Description{Classes: training.Classes}
	o := Options{Batch: 16, Seed: 1}
	r, err := run.Create(filepath.Join(t.TempDir(), "run"))
	if err != nil {
		t.Fatal(err)
	}
	c := train.DefaultConfig()
	c.Steps, c.Batch, c.LearningRate, c.EvalEvery, c.SampleEvery = 60, o.Batch, 3e-3, 0, 0
	model, task, err := Autoencoder(d, sizes, description, training, heldOut, o)
	if err != nil {
		t.Fatal(err)
	}
	improves := func(task *train.Task) {
		t.Helper()
		task.Module.SetTraining(false)
		before, err := task.Evaluate()
		if err != nil {
			t.Fatal(err)
		}
		result, err := train.Run(context.Background(), r.Dir(), *task, c, train.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if after := result.HeldOut["loss"]; !(after < before["loss"]-0.02) {
			t.Errorf("%s: held-out loss %v before and %v after training", task.Model, before["loss"], after)
		}
	}
	improves(task)
	_, task, err = Flow(context.Background(), d, shape(), model, description, training, heldOut, o)
	if err != nil {
		t.Fatal(err)
	}
	improves(task)
}

func TestEmbedViews(t *testing.T) {
	d, training := open(t), animals(t, 21)
	a := encoder(t, d)
	pets, err := sample.NewFlow(d, data.Description{Classes: training.Classes, Size: 32}, sample.FlowModels{Autoencoder: a})
	if err != nil {
		t.Fatal(err)
	}
	want, err := pets.Embed(t.Context(), training.Pixels)
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Batch: 8, Seed: 1}
	for _, how := range []data.Augment{{}, varied} {
		rows, labels, err := embedViews(context.Background(), d, a, training, how, o)
		if err != nil {
			t.Fatal(err)
		}
		n := training.Len()
		if how != (data.Augment{}) {
			n *= 1 + views
		}
		if len(rows) != n*sizes.Embedding || len(labels) != n {
			t.Fatalf("%+v: %d values and %d labels, want %d rows", how, len(rows), len(labels), n)
		}
		for i, v := range want { // the first view is the picture as it is
			if math.Abs(float64(rows[i]-v)) > 1e-5 {
				t.Fatalf("%+v: value %d is %v, that of the picture itself %v", how, i, rows[i], v)
			}
		}
		for i, label := range labels {
			if label != training.Label(i%training.Len()) {
				t.Fatalf("%+v: row %d has label %d", how, i, label)
			}
		}
		for view := 1; view*len(want) < len(rows); view++ {
			if slices.Equal(rows[:len(want)], rows[view*len(want):][:len(want)]) {
				t.Errorf("view %d shows the pictures as they are", view)
			}
		}
		again, _, err := embedViews(context.Background(), d, a, training, how, o)
		if err != nil || !slices.Equal(rows, again) {
			t.Errorf("%+v: other rows the second time (%v)", how, err)
		}
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := embedViews(ended, d, a, training, varied, o); !errors.Is(err, context.Canceled) {
		t.Errorf("an ended context: %v", err)
	}
}

func TestFlowWantsRowsForActNorm(t *testing.T) {
	d, training := open(t), animals(t, 20)
	c := shape()
	c.Norm = flows.ActNormalization
	_, _, err := Flow(context.Background(), d, c, encoder(t, d), data.Description{Classes: training.Classes}, training, nil, Options{Batch: 1, Seed: 1})
	if err == nil || !strings.Contains(err.Error(), "--batch 1") {
		t.Errorf("a batch of one: %v", err)
	}
}

func TestFlowWantsTheRunsClasses(t *testing.T) {
	d, training := open(t), animals(t, 20)
	for _, classes := range [][]string{{"dog", "cat"}, {"cat"}, {"cat", "dog", "owl"}} {
		c := shape()
		c.Classes = len(classes)
		_, _, err := Flow(context.Background(), d, c, encoder(t, d), data.Description{Classes: classes}, training, nil, Options{Batch: 4, Seed: 1})
		if err == nil || !strings.Contains(err.Error(), "cat, dog") || !strings.Contains(err.Error(), "--data") {
			t.Errorf("classes %v: %v", classes, err)
		}
	}
}
