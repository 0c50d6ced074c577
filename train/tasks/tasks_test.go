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
	"github.com/bestiary-ml/bestiary/internal/golden"
	_ "github.com/bestiary-ml/bestiary/internal/lighttest" // plots and syncs
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

// other is a small flow of another architecture.
func other(architecture string, hidden ...int) flows.Config {
	s := shape()
	c := flows.DefaultClassConfig(architecture, s.Dim, s.Classes)
	c.Layers, c.Hidden, c.Noise = 2, hidden, s.Noise
	return c
}

// encoder is an autoencoder with its initial weights.
func encoder(t *testing.T, d *tensor.Device) *autoencoder.Autoencoder {
	t.Helper()
	a := encoderOn(d)
	if a == nil {
		t.Fatal("no autoencoder")
	}
	return a
}

func encoderOn(d *tensor.Device) (a *autoencoder.Autoencoder) {
	err := d.Exclusive(context.Background(), func() (err error) {
		a, err = autoencoder.New(d, sizes, tensor.NewGenerator(2))
		return err
	})
	if err != nil {
		return nil
	}
	a.SetTraining(false)
	return a
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
		for name, trained := range map[string]func(t *testing.T, dir string, c train.Config, until int) any{
			"autoencoder": trainedBy(func() (nn.Module, *train.Task[train.PictureBatch], error) {
				return Autoencoder(d, sizes, description, training, heldOut, o)
			}),
			"flow": trainedBy(func() (nn.Module, *train.Task[train.RowBatch], error) {
				return Flow(context.Background(), d, shape(), encoder(t, d), description, training, heldOut, o)
			}),
			"flow of splines": trainedBy(func() (nn.Module, *train.Task[train.RowBatch], error) {
				return Flow(context.Background(), d, other(flows.SplineFlow, 8), encoder(t, d), description, training, heldOut, o)
			}),
			"flow of transformers": trainedBy(func() (nn.Module, *train.Task[train.RowBatch], error) {
				return Flow(context.Background(), d, other(flows.TransformerFlow, 8), encoder(t, d), description, training, heldOut, o)
			}),
			"tarflow": trainedBy(func() (nn.Module, *train.Task[train.RowBatch], error) {
				return tarFlowOf(t, d, description, training, heldOut, o)
			}),
		} {
			t.Run(fmt.Sprintf("%s, balance %t", name, balance), func(t *testing.T) {
				c := train.DefaultConfig()
				c.Steps, c.Batch, c.Seed, c.EvalEvery, c.SampleEvery = 14, o.Batch, o.Seed, 3, 0
				whole := trained(t, filepath.Join(t.TempDir(), "whole"), c, 0)
				broken := filepath.Join(t.TempDir(), "broken")
				trained(t, broken, c, 6)
				alike(t, whole, trained(t, broken, c, 0))
			})
		}
	}
}

// trained trains a task in a run folder, or goes on with it there, until a step is done (0: to the end), and returns
// its state.
func trained[B train.Batch](t *testing.T, make func() (nn.Module, *train.Task[B], error), dir string, c train.Config, until int) any {
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
	task.Loss = func(batch B) (*tensor.Tensor, *train.Figures) {
		if steps++; steps == until {
			cancel()
		}
		return loss(batch)
	}
	_, err = train.Run(ctx, r.Dir(), *task, c, train.Options{Resume: r.HasState(task.Model)})
	var stopped *train.Interrupted
	if until > 0 && (!errors.As(err, &stopped) || stopped.Step != until) || until == 0 && err != nil {
		t.Fatalf("until step %d: %v", until, err)
	}
	return weights.Of(module)
}

// alike compares the weights of a whole training with those of a resumed one.
func alike(t *testing.T, whole, resumed any) {
	t.Helper()
	if diff := cmp.Diff(whole, resumed, golden.Whole); diff != "" {
		t.Errorf("a resumed training has other weights (- whole, + resumed):\n%s", diff)
	}
}

// trainedBy is trained with a way to make the task.
func trainedBy[B train.Batch](make func() (nn.Module, *train.Task[B], error)) func(t *testing.T, dir string, c train.Config, until int) any {
	return func(t *testing.T, dir string, c train.Config, until int) any { return trained(t, make, dir, c, until) }
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
	improves(t, r.Dir(), task, c)
	_, flowTask, err := Flow(context.Background(), d, shape(), model, description, training, heldOut, o)
	if err != nil {
		t.Fatal(err)
	}
	improves(t, r.Dir(), flowTask, c)
}

// improves trains a task and checks that the held-out loss falls.
func improves[B train.Batch](t *testing.T, dir string, task *train.Task[B], c train.Config) {
	t.Helper()
	before, after := measured(t, dir, task, c)
	if !(after["loss"] < before["loss"]-0.02) {
		t.Errorf("%s: held-out loss %v before and %v after training", task.Model, before["loss"], after["loss"])
	}
}

// measured trains a task and returns the held-out figures before and after.
func measured[B train.Batch](t *testing.T, dir string, task *train.Task[B], c train.Config) (before, after train.Metrics) {
	t.Helper()
	task.Module.SetTraining(false)
	before, err := task.Evaluate()
	if err != nil {
		t.Fatal(err)
	}
	result, err := train.Run(context.Background(), dir, *task, c, train.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return before, result.HeldOut
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
	for _, how := range []data.Augment{{}, {Zoom: 1}, {Crop: 1}, varied} {
		rows, labels, err := embedViews(context.Background(), held(t, d), a.Encode, training, how, DefaultViews, o)
		if err != nil {
			t.Fatal(err)
		}
		n := training.Len()
		if how == varied {
			n *= 1 + DefaultViews
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
		again, _, err := embedViews(context.Background(), held(t, d), a.Encode, training, how, DefaultViews, o)
		if err != nil || !slices.Equal(rows, again) {
			t.Errorf("%+v: other rows the second time (%v)", how, err)
		}
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := embedViews(ended, held(t, d), a.Encode, training, varied, DefaultViews, o); !errors.Is(err, context.Canceled) {
		t.Errorf("an ended context: %v", err)
	}
}

func TestFlowWantsRowsForActNorm(t *testing.T) {
	d, training := open(t), animals(t, 20)
	c := shape()
	c.Norm = flows.ActNormalization
	_, _, err := Flow(context.Background(), d, c, encoder(t, d), data.Description{Classes: training.Classes}, training, nil, Options{Batch: 1, Seed: 1})
	if err == nil || !strings.Contains(err.Error(), "Batch 1") {
		t.Errorf("a batch of one: %v", err)
	}
}

func TestFlowWantsTheRunsClasses(t *testing.T) {
	d, training := open(t), animals(t, 20)
	for _, classes := range [][]string{{"dog", "cat"}, {"cat"}, {"cat", "dog", "owl"}} {
		c := shape()
		c.Classes = len(classes)
		_, _, err := Flow(context.Background(), d, c, encoder(t, d), data.Description{Classes: classes}, training, nil, Options{Batch: 4, Seed: 1})
		if err == nil || !strings.Contains(err.Error(), "cat, dog") || !strings.Contains(err.Error(), "Data:") {
			t.Errorf("classes %v: %v", classes, err)
		}
	}
}

// held takes a device until the test ends.
func held(t *testing.T, d *tensor.Device) *hold {
	t.Helper()
	h, err := take(context.Background(), d)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.end)
	return h
}
