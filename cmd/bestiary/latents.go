package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/bestiary-ml/bestiary/backbone"
	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/eval"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/train"
	"github.com/bestiary-ml/bestiary/train/tasks"
	"github.com/bestiary-ml/bestiary/vqgan"
	"github.com/spf13/cobra"
)

// trainingOfLatents is what a training of an autoencoder with maps of latents takes.
type trainingOfLatents struct {
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
func (f *latentsFlags) prepare(c *cobra.Command, model *vqgan.Config, saved func(dir string) (vqgan.Config, error), keep ...string) (*trainingOfLatents, error) {
	if err := f.check(c, model); err != nil {
		return nil, err
	}
	r, d, err := f.open(c, true)
	if err != nil {
		return nil, err
	}
	l := &trainingOfLatents{device: d, description: f.description, how: f.how}
	if f.resume {
		if err := keepModel(c, slices.Concat(latentsModel, keep)...); err != nil {
			return nil, err
		}
		if err := f.keepData(c, latentsTraining...); err != nil {
			return nil, err
		}
		if *model, err = saved(f.run); err != nil {
			return nil, err
		}
	}
	if f.resume && !f.fresh {
		if err := r.Data(&l.description); err != nil {
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
	if (!f.resume || f.fresh) && !c.Flags().Changed("adversarial-start") {
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
	if err := checkCrops(c); err != nil {
		return err
	}
	if !(f.description.Share >= 0 && f.description.Share < 1) {
		return usagef("--hold-out %v: is out of range; choose 0 to less than 1", f.description.Share)
	}
	if changed("perceptual") && f.how.Features == "" && !f.resume {
		return usagef("--perceptual %v: needs --features, which names what computes the features; give it, or leave this out", f.how.Loss.Perceptual)
	}
	if f.how.Loss.Adversarial == 0 {
		for _, flag := range []string{"adversarial-start", "discriminator-width", "discriminator-layers", "discriminator-norm", "discriminator-lr", "discriminator-augment"} {
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
	if err := checkGrowFlag(c, f.description.Grow, f.description.Augment); err != nil {
		return err
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
	if info, err := os.Stat(how.Features); err == nil && info.IsDir() {
		return openClassifierFeatures(how, c, d)
	}
	name, err := backbone.Identify(how.Features)
	if err != nil {
		return nil, err
	}
	if name != "" {
		b, err := backbone.Open(how.Features, d)
		if err != nil {
			return nil, err
		}
		if c.Channels != 3 {
			return nil, usagef("--features %s: %s takes pictures with 3 channels; they have %d", how.Features, b.Title(), c.Channels)
		}
		return &vqgan.Perceptual{Net: b}, noteFeatures(how, b)
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

// openClassifierFeatures opens the classifier of a run, whose activations are the features.
func openClassifierFeatures(how *tasks.LatentsOptions, c vqgan.Config, d *tensor.Device) (*vqgan.Perceptual, error) {
	takes, err := models.Classifier.Config(how.Features)
	var missing *fault.Missing
	if errors.As(err, &missing) {
		return nil, fmt.Errorf("--features %s: has no trained classifier; make one with \"bestiary train classifier --data PICTURES --out RUN\"", how.Features)
	}
	if err != nil {
		return nil, err
	}
	if takes.ImageSize != c.ImageSize || takes.Channels != c.Channels {
		return nil, usagef("--features %s: its classifier takes pictures of size %d with %d channels, and these have size %d with %d; train one on pictures like these",
			how.Features, takes.ImageSize, takes.Channels, c.ImageSize, c.Channels)
	}
	net, err := models.Classifier.Open(how.Features, d)
	if err != nil {
		return nil, err
	}
	return &vqgan.Perceptual{Net: net}, noteFeatures(how, net)
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

// latents measures the autoencoder with maps of latents of the run.
func (f *evalFlags) latents(c *cobra.Command) error {
	pipeline, err := openLatents(c, f.run, f.device)
	if err != nil {
		return err
	}
	if c.Flags().Changed("generated") {
		return usagef("--generated: needs a run of birds from words; leave it out")
	}
	f.pictures.like(pipeline.Dataset())
	f.pictures.channels = pipeline.Channels()
	f.pictures.notTrainedOn(c, pipeline.Dataset())
	heldOut, err := f.pictures.load(c, pipeline.Size(), data.Split(f.pictures.split))
	if err != nil {
		return err
	}
	figures, err := eval.EvaluateLatents(c.Context(), pipeline, heldOut)
	if err != nil {
		return err
	}
	return printFigures(c, f.run, figures)
}
