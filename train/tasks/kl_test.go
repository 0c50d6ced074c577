package tasks

import (
	"errors"
	"math"
	"path/filepath"
	"testing"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/train"
	"github.com/bestiary-ml/bestiary/vqgan"
)

// latentSizes are those of an autoencoder with latents of 4×4×3.
var latentSizes = vqgan.Config{
	ImageSize: 16, Channels: 3, Patch: 2, Width: 8, Multipliers: []int{1, 2}, Blocks: 1, AttentionAt: []int{}, Groups: 4, Blur: true,
	ZChannels: 3, Embed: 3, Bottleneck: vqgan.KL, KLWeight: 1e-3,
}

// opposed trains with a perceptual loss and, from step 6 on, a discriminator.
func opposed() LatentsOptions {
	return LatentsOptions{
		Loss:          vqgan.LossConfig{Perceptual: 0.5, Adversarial: 0.5, AdversarialStart: 6, Augment: 0.01},
		Discriminator: vqgan.DiscriminatorConfig{Channels: 3, Width: 8, Layers: 1, Norm: "batch"}, DiscriminatorRate: 1e-3,
		Features: "a convolution",
	}
}

// features are those of one convolution.
type features struct{ *nn.Conv2d }

func (f features) Activations(x *tensor.Tensor) []*tensor.Tensor {
	return []*tensor.Tensor{f.Forward(x)}
}

func perceptual(d *tensor.Device) *vqgan.Perceptual {
	conv := nn.NewConv2d(d, 3, 4, 3, true, tensor.StridePad(1, 1), tensor.NewGenerator(7))
	nn.Freeze(conv)
	return &vqgan.Perceptual{Net: features{conv}}
}

// TestKLResume interrupts a training before and after the discriminator's start, and compares it with one that went
// through.
func TestKLResume(t *testing.T) {
	d, training, heldOut := open(t), birds(t, 1, 44), birds(t, 2, 10)
	description := data.Description{Path: "birds:1:44", Augment: data.Augment{Flip: true}}
	make := func() (nn.Module, *train.Task[train.PictureBatch], error) {
		m, task, err := KL(d, latentSizes, opposed(), perceptual(d), description, training, heldOut, Options{Batch: 8, Seed: 4})
		return m, task, err
	}
	s := train.DefaultConfig()
	s.Steps, s.Batch, s.Seed, s.EvalEvery, s.EMA = 12, 8, 4, 5, 0.9
	whole := trained(t, make, filepath.Join(t.TempDir(), "whole"), s, 0)
	for _, at := range []int{3, 8} {
		broken := filepath.Join(t.TempDir(), "broken")
		trained(t, make, broken, s, at)
		t.Logf("interrupted after step %d", at)
		alike(t, whole, trained(t, make, broken, s, 0))
	}
}

func TestKLLearns(t *testing.T) {
	d, training, heldOut := open(t), birds(t, 1, 120), birds(t, 2, 24)
	r, err := run.Create(filepath.Join(t.TempDir(), "run"))
	if err != nil {
		t.Fatal(err)
	}
	c := train.DefaultConfig()
	c.Steps, c.Batch, c.LearningRate, c.EvalEvery, c.EMA = 80, 16, 5e-3, 0, 0.9
	how := opposed()
	how.Loss.AdversarialStart = 60
	_, task, err := KL(d, latentSizes, how, perceptual(d), data.Description{Path: "birds:1:120"}, training, heldOut, Options{Batch: c.Batch, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	before, after := measured(t, r.Dir(), task, c)
	if !(after["loss"] < 0.5*before["loss"]) || !(after["psnr_db"] > before["psnr_db"]+3) {
		t.Errorf("held out: %v before, %v after", before, after)
	}
	lines, err := r.Metrics("kl")
	if err != nil {
		t.Fatal(err)
	}
	first, last := lines[0].Values, lines[len(lines)-1].Values
	for _, name := range []string{"adversary", "judged", "judged_weight", "logits_real"} {
		if first[name] != 0 || last[name] == 0 {
			t.Errorf("%s is %v at first and %v at last", name, first[name], last[name])
		}
	}
	if last["pixels"] > first["pixels"] || last["perceptual"] > first["perceptual"] || last["kl"] <= 0 {
		t.Errorf("metrics: first %v, last %v", first, last)
	}

	// The run's weights have the statistics of the latents of the training pictures.
	pipeline, err := sample.OpenLatents(t.Context(), r.Dir(), d)
	if err != nil {
		t.Fatal(err)
	}
	latents, err := pipeline.Encode(t.Context(), training.Pixels)
	if err != nil {
		t.Fatal(err)
	}
	var sums, squares [3]float64
	for i, v := range latents {
		sums[i%3] += float64(v)
		squares[i%3] += float64(v) * float64(v)
	}
	n := float64(len(latents) / 3)
	for i := range sums {
		if mean, std := sums[i]/n, math.Sqrt(squares[i]/n); math.Abs(mean) > 1e-3 || math.Abs(std-1) > 1e-3 {
			t.Errorf("channel %d of the latents has mean %v and standard deviation %v", i, mean, std)
		}
	}
	if made, err := pipeline.Decode(t.Context(), latents[:2*48]); err != nil || len(made) != 2 {
		t.Errorf("%d pictures, %v", len(made), err)
	}
	var wrong *fault.FieldError
	if _, err := pipeline.Decode(t.Context(), latents[:50]); !errors.As(err, &wrong) {
		t.Errorf("latents of part of a picture: %v", err)
	}
	if !models.KL.In(r.Dir()) {
		t.Error("the run has no kl")
	}
}

func TestKLRefuses(t *testing.T) {
	d, training := open(t), birds(t, 1, 20)
	for field, change := range map[string]func(*vqgan.Config, *LatentsOptions){
		"Bottleneck":           func(c *vqgan.Config, _ *LatentsOptions) { c.Bottleneck = "vq" },
		"Data":                 func(c *vqgan.Config, _ *LatentsOptions) { c.ImageSize = 32 },
		"DiscriminatorRate":    func(_ *vqgan.Config, o *LatentsOptions) { o.DiscriminatorRate = 0 },
		"Discriminator.Width":  func(_ *vqgan.Config, o *LatentsOptions) { o.Discriminator.Width = 0 },
		"Discriminator.Layers": func(_ *vqgan.Config, o *LatentsOptions) { o.Discriminator.Layers = 4 },
		"Discriminator.Norm":   func(_ *vqgan.Config, o *LatentsOptions) { o.Discriminator.Norm = "layer" },
		"Adversarial":          func(_ *vqgan.Config, o *LatentsOptions) { o.Loss.Adversarial = -1 },
		"AdversarialStart":     func(_ *vqgan.Config, o *LatentsOptions) { o.Loss.AdversarialStart = -1 },
		"Augment":              func(_ *vqgan.Config, o *LatentsOptions) { o.Loss.Augment = 2 },
		"Perceptual":           func(_ *vqgan.Config, o *LatentsOptions) { o.Loss.Perceptual = math.NaN() },
	} {
		c, how := latentSizes, opposed()
		change(&c, &how)
		var wrong *fault.FieldError
		if _, _, err := KL(d, c, how, perceptual(d), data.Description{}, training, nil, Options{Batch: 4}); !errors.As(err, &wrong) || wrong.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
}
