package tasks

import (
	"context"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/dvae"
	"github.com/bestiary-ml/bestiary/internal/toy"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/train"
)

// shared are trainings that evaluate and draw samples, each by its name. Each returns the checksum of its weights.
func shared(t *testing.T, d *tensor.Device) map[string]func(dir string) string {
	training, heldOut := animals(t, 44), animals(t, 12)
	description := data.Description{Path: "drawn", Classes: training.Classes, Augment: varied}
	o := Options{Batch: 8, Seed: 4}
	config := func() train.Config {
		c := train.DefaultConfig()
		c.Steps, c.Batch, c.Seed = 10, o.Batch, o.Seed
		c.EvalEvery, c.SampleEvery, c.CheckpointEvery, c.EMA = 3, 6, 4, 0.9
		return c
	}
	finish := func(m nn.Module, err error) string {
		if err != nil {
			t.Error(err)
			return ""
		}
		sum := ""
		if err := d.Exclusive(context.Background(), func() error { sum = nn.Checksum(m); return nil }); err != nil {
			t.Error(err)
		}
		return sum
	}
	return map[string]func(dir string) string{
		"autoencoder": func(dir string) string {
			m, task, err := Autoencoder(d, sizes, description, training, heldOut, o)
			if err == nil {
				_, err = train.Run(context.Background(), dir, *task, config(), train.Options{})
			}
			return finish(m, err)
		},
		"dvae": func(dir string) string {
			c := dvae.Config{ImageSize: sizes.ImageSize, Codes: 16, CodebookDim: 8, Layers: 2, Hidden: 8, Channels: 3, Temperature: 1}
			how := DVAEOptions{Annealing: dvae.Annealing{Start: 1, Floor: 0.5, Steps: 20}, Revive: 4}
			m, task, err := DVAE(d, c, how, description, training, heldOut, o)
			if err == nil {
				_, err = train.Run(context.Background(), dir, *task, config(), train.Options{})
			}
			return finish(m, err)
		},
		"flow": func(dir string) string {
			a := encoderOn(d)
			m, task, err := Flow(context.Background(), d, shape(), a, description, training, heldOut, o)
			if err == nil {
				_, err = train.Run(context.Background(), dir, *task, config(), train.Options{})
			}
			return finish(m, err)
		},
	}
}

// TestDeviceIsShared trains three models and samples by a pipeline, all at once on one device. Each computes what it
// computes alone.
func TestDeviceIsShared(t *testing.T) {
	d := open(t)
	defer d.Close()
	a, flow := toy.Flow(d)
	pipeline, err := sample.NewFlow(d, toy.PetData(), sample.FlowModels{Autoencoder: a, Flow: flow})
	if err != nil {
		t.Fatal(err)
	}
	draw := func() []uint8 {
		made, err := pipeline.Sample(context.Background(), sample.Options{N: 2, Seed: 3})
		if err != nil {
			t.Error(err)
			return nil
		}
		return made[0].Image.Pix
	}
	picture := draw()
	trainings := shared(t, d)
	alone := map[string]string{}
	for name, run := range trainings {
		alone[name] = run(filepath.Join(t.TempDir(), name))
	}
	done := make(chan struct{})
	var trained, drawn sync.WaitGroup
	dir := t.TempDir()
	for name, run := range trainings {
		trained.Go(func() {
			if sum := run(filepath.Join(dir, name)); sum != alone[name] {
				t.Errorf("%s: the weights are %s, alone %s", name, sum, alone[name])
			}
		})
	}
	drawings := 0
	drawn.Go(func() {
		for {
			if !slices.Equal(draw(), picture) {
				t.Error("the pipeline draws another picture")
			}
			drawings++
			select {
			case <-done:
				return
			default:
			}
		}
	})
	trained.Wait()
	close(done)
	drawn.Wait()
	if drawings < 5 {
		t.Errorf("%d drawings beside three trainings: the pipeline hardly gets the device", drawings)
	}
}
