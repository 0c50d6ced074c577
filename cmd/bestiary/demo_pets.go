package main

import (
	"context"
	"image"
	"time"

	"github.com/bestiary-ml/bestiary/autoencoder"
	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/data/source"
	"github.com/bestiary-ml/bestiary/eval"
	"github.com/bestiary-ml/bestiary/flows"
	"github.com/bestiary-ml/bestiary/internal/drawn"
	"github.com/bestiary-ml/bestiary/nn/sampling"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/sample/layout"
	"github.com/bestiary-ml/bestiary/train"
	"github.com/bestiary-ml/bestiary/train/tasks"
)

// petsDemo is the first part of the demonstration: cats and dogs by flow.
type petsDemo struct {
	*demo
	pictures int // drawings to train on
	tested   int // drawings to measure with

	training, heldOut, test *data.Dataset
	autoencoder             *autoencoder.Autoencoder
	flow                    *flows.ClassFlow
	pets                    *sample.Flow
	report                  petsReport
}

// petsReport holds the figures of this part for the report.
type petsReport struct {
	Training, HeldOut                  int
	Drawing, AutoencoderTime, FlowTime time.Duration
	Autoencoder, Flow                  *train.Result
	Evaluation                         *eval.FlowReport
	Constant                           float64 // PSNR of the average picture
}

func newPetsDemo(d *demo) *petsDemo {
	p := &petsDemo{demo: d, pictures: 2400, tested: 400}
	if d.quick {
		p.pictures, p.tested = 240, 48
	}
	return p
}

// draw draws the animals: to train on, to evaluate during training, and to measure with.
func (d *petsDemo) draw() error {
	all, err := drawn.New(d.seed, d.pictures+d.tested, drawn.Options{})
	if err != nil {
		return err
	}
	seen := all.Where(func(i int) bool { return i < d.pictures })
	d.test = all.Where(func(i int) bool { return i >= d.pictures })
	d.training, d.heldOut = tasks.HoldOut(seen, demoShare)
	return nil
}

func (d *petsDemo) train(ctx context.Context) error {
	started := time.Now()
	if err := d.draw(); err != nil {
		return err
	}
	d.report.Drawing = time.Since(started)

	description := data.Description{Path: source.DrawnPets(d.seed, d.pictures), Split: string(data.Trainval), Share: demoShare, Augment: data.Augment{Flip: true}}
	sizes := autoencoder.Config{ImageSize: 64, Channels: []int{3, 32, 64, 128, 256, 256}, Hidden: 512, Embedding: 64, Dropout: 0}
	c := train.DefaultConfig()
	c.Seed, c.Steps, c.Batch, c.LearningRate, c.Schedule, c.Warmup = d.seed, 900, 48, 2.4e-3, "cosine", 50
	c.WeightDecay, c.FinalRate = 1e-5, 0.02
	c.EvalEvery, c.SampleEvery, c.CheckpointEvery = 150, 300, 600
	d.shorten(&c)
	model, task, err := tasks.Autoencoder(d.device, sizes, description, d.training, d.heldOut, tasks.Options{Batch: c.Batch, Seed: c.Seed})
	if err != nil {
		return err
	}
	d.autoencoder = model
	started = time.Now()
	if d.report.Autoencoder, err = trainDemo(ctx, d.demo, d.run.Dir(), task, c); err != nil {
		return err
	}
	d.report.AutoencoderTime = time.Since(started)

	if err := d.run.Data(&description); err != nil {
		return err
	}
	shape := flows.DefaultConfig(sizes.Embedding, len(description.Classes))
	shape.Layers, shape.Hidden, shape.Noise = 8, []int{128, 128}, 0.05
	c.Steps, c.Batch, c.LearningRate, c.Clip = 2500, 128, 1e-3, 50
	c.EvalEvery, c.SampleEvery, c.CheckpointEvery, c.Patience = 100, 625, 1250, 6
	d.shorten(&c)
	flow, flowTask, err := tasks.Flow(ctx, d.device, shape, model, description, d.training, d.heldOut, tasks.Options{Batch: c.Batch, Seed: c.Seed})
	if err != nil {
		return err
	}
	d.flow = flow
	started = time.Now()
	if d.report.Flow, err = trainDemo(ctx, d.demo, d.run.Dir(), flowTask, c); err != nil {
		return err
	}
	d.report.FlowTime = time.Since(started)
	d.pets, err = sample.NewFlow(d.device, description, sample.FlowModels{Autoencoder: d.autoencoder, Flow: d.flow})
	return err
}

// show writes the pictures and the report.
func (d *petsDemo) show(ctx context.Context) error {
	some := d.test.Where(func(i int) bool { return i < 16 })
	made, err := d.pets.Reconstruct(ctx, some.Pixels)
	if err != nil {
		return err
	}
	if err := layout.SaveReconstructions(d.run.Path("reconstructions.png"), d.pets.Pictures(some.Pixels), made); err != nil {
		return err
	}
	typical := sampling.Default()
	typical.Temperature = 0.8
	if err := sample.SaveClasses(ctx, d.run.Path("samples.png"), d.pets, sample.Options{N: 10, Sampling: &typical, Seed: d.seed}); err != nil {
		return err
	}
	walk := func(frames int) ([]*image.NRGBA, error) { // from a cat to a dog
		class := func(i int) string { return d.test.Classes[d.test.Label(i)] }
		return d.pets.Interpolate(ctx, sample.Ends{From: d.test.Image(0), To: d.test.Image(1), ClassFrom: class(0), ClassTo: class(1)}, frames)
	}
	few, err := walk(10)
	if err != nil {
		return err
	}
	strip, err := layout.Grid(layout.Options{Columns: 10}, layout.Section{Images: few})
	if err != nil {
		return err
	}
	if err := layout.SavePNG(d.run.Path("walk.png"), strip); err != nil {
		return err
	}
	many, err := walk(40)
	if err != nil {
		return err
	}
	if err := layout.SaveGIF(d.run.Path("walk.gif"), many, layout.Animation{Delay: 80 * time.Millisecond, PingPong: true}); err != nil {
		return err
	}
	if d.report.Evaluation, err = eval.EvaluateFlow(ctx, d.pets, d.test, d.training, d.seed); err != nil {
		return err
	}
	d.report.Training, d.report.HeldOut = d.training.Len(), d.heldOut.Len()
	d.report.Constant = constantPSNR(d.training, d.test)
	return nil
}

// constantPSNR is the PSNR of a model that always returns the mean training picture.
func constantPSNR(training, test *data.Dataset) float64 {
	one := training.Size * training.Size * 3
	average := make([]float64, one)
	for i, v := range training.Pixels {
		average[i%one] += float64(v) / float64(training.Len())
	}
	sum := 0.0
	for i, v := range test.Pixels {
		d := (float64(v) - average[i%one]) / 127.5
		sum += d * d
	}
	return eval.PSNR(sum / float64(len(test.Pixels)))
}
