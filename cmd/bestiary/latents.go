package main

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/train"
	"github.com/bestiary-ml/bestiary/train/tasks"
	"github.com/bestiary-ml/bestiary/vqgan"
	"github.com/spf13/cobra"
)

// latentsTraining is what a training of an autoencoder with maps of latents takes.
type latentsTraining struct {
	device            *tensor.Device
	how               tasks.LatentsOptions
	perceptual        *vqgan.Perceptual // nil: none
	description       data.Description
	training, heldOut *data.Dataset
	settings          train.Config
	options           tasks.Options
}

// prepare checks the flags, and loads the settings of a run that is resumed, and the pictures. keep are further flags that
// a resumed training can't change.
func (f *latentsFlags) prepare(c *cobra.Command, model *vqgan.Config, saved func(dir string) (vqgan.Config, error), keep ...string) (*latentsTraining, error) {
	if err := f.check(c, model); err != nil {
		return nil, err
	}
	r, d, err := f.open(c, true)
	if err != nil {
		return nil, err
	}
	l := &latentsTraining{device: d, description: f.description, how: f.how}
	if f.resume {
		if err := keepModel(c, slices.Concat(keptLatents, keep)...); err != nil {
			return nil, err
		}
		if err := r.Data(&l.description); err != nil {
			return nil, err
		}
		if *model, err = saved(f.run); err != nil {
			return nil, err
		}
		if l.how, err = f.saved(r); err != nil {
			return nil, err
		}
		f.data.like(l.description)
		f.data.split = cmp.Or(l.description.Split, f.data.split)
	}
	if l.perceptual, err = openFeatures(&l.how, *model, d); err != nil {
		return nil, err
	}
	f.data.channels = model.Channels
	if l.settings, err = f.settings(c); err != nil {
		return nil, err
	}
	if l.training, l.heldOut, err = f.pictures(c, model.ImageSize, l.description); err != nil {
		return nil, err
	}
	if err := checkBatch(c, l.settings, l.training); err != nil {
		return nil, err
	}
	f.data.describe(&l.description)
	fit(c, &l.settings, l.training.Len(), l.heldOut.Len())
	if !f.resume && !c.Flags().Changed("adversarial-start") {
		l.how.Loss.AdversarialStart = max(1, steps(l.settings, l.training.Len())/2)
	}
	l.options = tasks.Options{Batch: l.settings.Batch, Seed: l.settings.Seed}
	return l, nil
}

// check checks the flags by themselves.
func (f *latentsFlags) check(c *cobra.Command, model *vqgan.Config) error {
	changed := c.Flags().Changed
	if changed("embed") && !changed("z-channels") && model.Bottleneck != vqgan.FSQ {
		model.ZChannels = model.Embed
	}
	if !(f.description.Share >= 0 && f.description.Share < 1) {
		return usagef("--hold-out %v: is out of range; choose 0 to less than 1", f.description.Share)
	}
	if changed("perceptual") && f.how.Features == "" && !f.resume {
		return usagef("--perceptual %v: needs --features, which names what computes the features; give it, or leave this out", f.how.Loss.Perceptual)
	}
	if f.how.Loss.Adversarial == 0 {
		for _, flag := range []string{"adversarial-start", "discriminator-width", "discriminator-layers", "discriminator-norm", "discriminator-lr"} {
			if changed(flag) {
				return usagef("--%s: has no effect with --adversarial 0; leave it out, or give a weight", flag)
			}
		}
	}
	if f.how.Features == "" {
		f.how.Loss.Perceptual = 0
	}
	for _, err := range []error{f.description.Augment.Validate(), model.Validate(), f.how.Validate()} {
		if err != nil {
			return invalid(err)
		}
	}
	if f.data.path == "" && !f.resume {
		return usagef("--data is missing: name the pictures' folder or file, or birds:1:2000")
	}
	return nil
}

// openFeatures opens what computes the features of the perceptual loss, nil if nothing does, and notes its checksum, which
// must be the one that is noted.
func openFeatures(how *tasks.LatentsOptions, c vqgan.Config, d *tensor.Device) (*vqgan.Perceptual, error) {
	if how.Features == "" {
		return nil, nil
	}
	l, err := vqgan.OpenLPIPS(how.Features, d)
	if err != nil {
		return nil, err
	}
	if c.Channels != 3 || c.ImageSize%lpipsFactor != 0 {
		return nil, usagef("--features %s: VGG16 takes pictures with 3 channels whose size is a multiple of %d; they have %d and size %d", how.Features, lpipsFactor, c.Channels, c.ImageSize)
	}
	return l.Perceptual(), noteFeatures(how, l)
}

// lpipsFactor is what the size of pictures must be a multiple of for the poolings of VGG16.
const lpipsFactor = 16

// noteFeatures notes the checksum of the network that computes the features. On a resume it must be that of before.
func noteFeatures(how *tasks.LatentsOptions, m nn.Module) error {
	sum := nn.Checksum(m)
	if how.FeaturesSum != "" && how.FeaturesSum != sum {
		return fmt.Errorf("%s: has other weights than when the training began (%s, now %s); put them back, or start a new run", how.Features, how.FeaturesSum, sum)
	}
	how.FeaturesSum = sum
	return nil
}
