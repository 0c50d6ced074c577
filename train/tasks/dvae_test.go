package tasks

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/dvae"
	"github.com/bestiary-ml/bestiary/internal/drawn"
	"github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/train"
)

// codeSizes are those of a discrete VAE that makes 4×4 of 24 codes.
var codeSizes = dvae.Config{ImageSize: 16, Codes: 24, CodebookDim: 8, Layers: 2, ResnetBlocks: 1, Hidden: 8, Channels: 3, Temperature: 1}

func birds(t *testing.T, seed uint64, n int) *data.Dataset {
	t.Helper()
	d, err := drawn.NewBirds(seed, n, drawn.Options{Size: codeSizes.ImageSize})
	if err != nil {
		t.Fatal(err)
	}
	return d.Dataset
}

// transparent gives pictures an alpha channel: a gradient from left to right.
func transparent(d *data.Dataset) *data.Dataset {
	d.Channels = 4
	rgb := d.Pixels
	d.Pixels = nil
	for i := range len(rgb) / 3 {
		d.Pixels = append(d.Pixels, rgb[3*i], rgb[3*i+1], rgb[3*i+2], uint8(i%d.Size*255/d.Size))
	}
	return d
}

// TestDVAEResume interrupts a training in which codes are revived and the temperature falls, and compares it with one
// that went through.
func TestDVAEResume(t *testing.T) {
	d := open(t)
	how := DVAEOptions{Annealing: dvae.Annealing{Start: 1, Floor: 0.25, Steps: 12}, Revive: 3}
	for name, channels := range map[string]int{"RGB": 3, "RGBA": 4} {
		t.Run(name, func(t *testing.T) {
			c, training, heldOut := codeSizes, birds(t, 1, 44), birds(t, 2, 10)
			if c.Channels = channels; channels == 4 {
				training, heldOut = transparent(training), transparent(heldOut)
			}
			description := data.Description{Path: "birds:1:44", Augment: data.Augment{Flip: true, Crop: 0.75}}
			var state *codebook
			make := func() (nn.Module, *train.Task[train.PictureBatch], error) {
				m, task, err := DVAE(d, c, how, description, training, heldOut, Options{Batch: 8, Seed: 4})
				state = task.State.(*codebook)
				return m, task, err
			}
			s := train.DefaultConfig()
			s.Steps, s.Batch, s.Seed, s.EvalEvery, s.EMA = 14, 8, 4, 5, 0.9
			whole := trained(t, make, filepath.Join(t.TempDir(), "whole"), s, 0)
			if state.Revived == 0 {
				t.Error("no code was revived")
			}
			revived := state.Revived
			broken := filepath.Join(t.TempDir(), "broken")
			trained(t, make, broken, s, 5) // in the middle of a window
			alike(t, whole, trained(t, make, broken, s, 0))
			if state.Revived != revived {
				t.Errorf("%d codes were revived, want %d", state.Revived, revived)
			}
		})
	}
}

func TestDVAELearns(t *testing.T) {
	d, training, heldOut := open(t), birds(t, 1, 120), birds(t, 2, 24)
	how := DVAEOptions{Annealing: dvae.Annealing{Start: 1, Floor: 0.2, Steps: 80}, Revive: 10}
	description := data.Description{Path: "birds:1:120"}
	r, err := run.Create(filepath.Join(t.TempDir(), "run"))
	if err != nil {
		t.Fatal(err)
	}
	c := train.DefaultConfig()
	c.Steps, c.Batch, c.LearningRate, c.EvalEvery = 80, 16, 5e-3, 0
	_, task, err := DVAE(d, codeSizes, how, description, training, heldOut, Options{Batch: c.Batch, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	before, err := task.Evaluate()
	if err != nil {
		t.Fatal(err)
	}
	result, err := train.Run(context.Background(), r.Dir(), *task, c, train.Options{})
	if err != nil {
		t.Fatal(err)
	}
	after := result.HeldOut
	if !(after["loss"] < 0.7*before["loss"]) || !(after["psnr_db"] > before["psnr_db"]+1.5) || after["perplexity"] < 3 || after["codes_used"] > float64(codeSizes.Codes) {
		t.Errorf("held out: %v before, %v after", before, after)
	}
	lines, err := r.Metrics("dvae")
	if err != nil {
		t.Fatal(err)
	}
	first, last := lines[0].Values, lines[len(lines)-1].Values
	if first["temperature"] < 0.8 || last["temperature"] > 0.25 || last["reconstruction"] > first["reconstruction"] || last["kl"] <= 0 {
		t.Errorf("metrics: first %v, last %v", first, last)
	}
	var saved DVAEOptions
	if err := r.Options("dvae", &saved); err != nil || saved != how {
		t.Errorf("options: %+v, %v", saved, err)
	}
}

// TestDVAERepeatsItsMeasurement checks that the held-out loss depends on the weights alone.
func TestDVAERepeatsItsMeasurement(t *testing.T) {
	model, err := dvae.New(open(t), codeSizes, tensor.NewGenerator(3))
	if err != nil {
		t.Fatal(err)
	}
	heldOut := birds(t, 2, 10)
	a, err1 := lossOfDVAE(open(t), model, 1, heldOut, 4)
	b, err2 := lossOfDVAE(open(t), model, 1, heldOut, 4)
	if err1 != nil || err2 != nil || a != b || !(a > 0) {
		t.Errorf("loss %v, and then %v", a, b)
	}
}
