package tasks

import (
	"errors"
	"path/filepath"
	"slices"
	"testing"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/dvae"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/train"
	"github.com/bestiary-ml/bestiary/vqgan"
)

// smallVQGAN returns a model for the drawn birds of these tests, and options with a discriminator that judges from step 6 on.
func smallVQGAN(bottleneck string) (vqgan.Config, VQGANOptions) {
	c, how := DefaultVQGAN(bottleneck).Model, DefaultVQGANOptions(bottleneck, 12)
	c.ImageSize, c.Width, c.Groups, c.Multipliers, c.ZChannels = codeSizes.ImageSize, 8, 4, []int{1, 2}, 4
	if bottleneck == vqgan.FSQ {
		c.Levels = []int{4, 3, 3, 2}
	} else {
		c.Codes, c.Embed = 24, 4
	}
	if bottleneck == vqgan.VQ {
		how.Revive = 3
	}
	how.Loss.AdversarialStart = 6
	how.Discriminator = vqgan.DiscriminatorConfig{Channels: 3, Width: 8, Layers: 1, Norm: "batch"}
	return c, how
}

// TestVQGANResume interrupts trainings of every bottleneck, with moved codes and a discriminator, and compares them with
// ones that went through.
func TestVQGANResume(t *testing.T) {
	d, training, heldOut := open(t), birds(t, 1, 44), birds(t, 2, 10)
	for _, bottleneck := range []string{vqgan.VQ, vqgan.Gumbel, vqgan.FSQ} {
		t.Run(bottleneck, func(t *testing.T) {
			c, how := smallVQGAN(bottleneck)
			description := data.Description{Path: "birds:1:44", Augment: data.Augment{Flip: true}}
			var state *codebook
			make := func() (nn.Module, *train.Task[train.PictureBatch], error) {
				m, task, err := VQGAN(d, c, how, nil, description, training, heldOut, Options{Batch: 8, Seed: 4})
				if err == nil {
					state = task.State.(*vqganState).codebook
				}
				return m, task, err
			}
			s := train.DefaultConfig()
			s.Steps, s.Batch, s.Seed, s.EvalEvery, s.EMA = 12, 8, 4, 5, 0.9
			whole := trained(t, make, filepath.Join(t.TempDir(), "whole"), s, 0)
			revived := state.Revived
			if bottleneck == vqgan.VQ && revived == 0 {
				t.Error("no code was moved")
			}
			broken := filepath.Join(t.TempDir(), "broken")
			trained(t, make, broken, s, 7)
			alike(t, whole, trained(t, make, broken, s, 0))
			if state.Revived != revived {
				t.Errorf("%d codes were moved, want %d", state.Revived, revived)
			}
		})
	}
}

// TestVQGANReports trains a little, and looks at the error and the metrics.
func TestVQGANReports(t *testing.T) {
	d, training, heldOut := open(t), birds(t, 1, 60), birds(t, 2, 12)
	for _, bottleneck := range []string{vqgan.VQ, vqgan.FSQ} {
		c, how := smallVQGAN(bottleneck)
		how.Loss.Adversarial = 0
		_, task, err := VQGAN(d, c, how, nil, data.Description{Path: "birds:1:60"}, training, heldOut, Options{Batch: 12, Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		before, err := task.Evaluate()
		if err != nil {
			t.Fatal(err)
		}
		s := train.DefaultConfig()
		s.Steps, s.Batch, s.LearningRate, s.EvalEvery = 60, 12, 3e-3, 0
		result, err := train.Run(t.Context(), t.TempDir()+"/run", *task, s, train.Options{})
		if err != nil {
			t.Fatal(err)
		}
		after := result.HeldOut
		if !(after["loss"] < 0.8*before["loss"]) || after["perplexity"] < 2 {
			t.Errorf("%s held out: %v before, %v after", bottleneck, before, after)
		}
		for _, name := range []string{"psnr_db", "codes_used"} {
			if _, ok := after[name]; !ok {
				t.Errorf("%s: %v lacks %s", bottleneck, after, name)
			}
		}
	}
}

func TestVQGANRefused(t *testing.T) {
	d, training := open(t), birds(t, 1, 4)
	for field, x := range map[string]struct {
		bottleneck string
		change     func(c *vqgan.Config, how *VQGANOptions)
	}{
		"Bottleneck":      {vqgan.VQ, func(c *vqgan.Config, _ *VQGANOptions) { *c = vqgan.DefaultConfig() }},
		"Revive":          {vqgan.FSQ, func(_ *vqgan.Config, how *VQGANOptions) { how.Revive = 5 }},
		"Annealing.Start": {vqgan.VQ, func(_ *vqgan.Config, how *VQGANOptions) { how.Annealing = dvae.Annealing{Start: 1} }},
		"Annealing.Floor": {vqgan.Gumbel, func(_ *vqgan.Config, how *VQGANOptions) { how.Annealing.Floor = 2 }},
	} {
		c, how := smallVQGAN(x.bottleneck)
		x.change(&c, &how)
		_, _, err := VQGAN(d, c, how, nil, data.Description{}, training, nil, Options{Batch: 2})
		var wrong *fault.FieldError
		if !errors.As(err, &wrong) || wrong.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	names := []string{vqgan.VQ, vqgan.Gumbel, vqgan.FSQ}
	if i := slices.IndexFunc(names, func(b string) bool { return DefaultVQGAN(b).Model.Validate() != nil }); i >= 0 {
		t.Error(names[i], DefaultVQGAN(names[i]).Model.Validate())
	}
}
