package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/backbone"
	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/data/boxes"
	runfolder "github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/train"
	"github.com/bestiary-ml/bestiary/train/tasks"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// boxFlags are the flags that the trainings of detectors have in common.
type boxFlags struct {
	*trainFlags
	how      boxes.Description
	classes  []string
	augment  string
	backbone string // a name, or a file of weights
	from     string // a run folder or a file of weights

	weights string                  // file of the backbone's weights; "" for none
	origin  *sample.DetectorOptions // of the run of --from; nil without one
}

// add adds the flags of the data.
func (b *boxFlags) add(f *pflag.FlagSet, augment, dataUsage string) {
	f.StringVar(&b.how.Path, "data", "", dataUsage)
	f.StringVar(&b.how.Split, "split", string(data.Trainval), "part of the pictures: trainval, test or all; without --split, data that have no splits are used whole")
	f.StringVar(&b.how.Labels, "labels", "", "pets only: species (the default) or breed")
	f.StringVar(&b.how.Images, "images", "", "COCO only: the folder of the pictures (default: one beside the JSON file)")
	f.StringSliceVar(&b.classes, "classes", nil, "names of the classes, in their order; boxes of others are left out (default: those of the data)")
	f.StringVar(&b.how.As, "one-class", "", "name that makes all classes, or those of --classes, one: a detector of any of them")
	f.Float64Var(&b.how.Share, "hold-out", b.how.Share, "share of the pictures that is held out to evaluate the training")
	f.StringVar(&b.augment, "augment", augment, "how pictures are varied: ssd (expanded, cropped around objects, mirrored, colours distorted), mirror, or none")
}

// check checks the flags that need no data.
func (b *boxFlags) check() error {
	if !(b.how.Share >= 0 && b.how.Share < 1) {
		return usagef("--hold-out %v: is out of range; choose 0 to less than 1", b.how.Share)
	}
	augment := boxes.DefaultSSD()
	switch b.augment {
	case "ssd":
	case "mirror":
		augment = boxes.SSD{Mirror: augment.Mirror}
	case "none":
		augment = boxes.SSD{}
	default:
		return usagef("--augment %q: must be ssd, mirror or none", b.augment)
	}
	b.how.Augment = augment
	if b.from != "" && b.resume {
		return usagef("--from %s: begins a training, and --resume continues one; leave one of them out", b.from)
	}
	return nil
}

// network returns the name of the backbone: that of --backbone, or that of the network whose weights are in this file. own is a network
// that is none of package backbone.
func (b *boxFlags) network(own string) (string, error) {
	name := backbone.Canonical(b.backbone)
	if name == own || slices.Contains(backbone.Names(), name) {
		return name, nil
	}
	if _, err := os.Stat(name); err != nil {
		if strings.ContainsAny(name, `/\`) || slices.Contains([]string{".pth", ".pt", ".safetensors"}, filepath.Ext(name)) {
			return "", fmt.Errorf("%s: there is no such file of weights; check the path, or name a network", name)
		}
		return name, nil // which is none, as the model's Validate says
	}
	name, err := backbone.Identify(b.backbone)
	if err != nil {
		return "", err
	}
	if name == "" {
		return "", backbone.Unknown(b.backbone)
	}
	b.weights = b.backbone
	return name, nil
}

// ofFrom refuses flags of the model, which --from keeps.
func ofFrom(c *cobra.Command, flags ...string) error {
	for _, name := range flags {
		if c.Flags().Changed(name) {
			return usagef("--%s: belongs to the model, which --from keeps; leave one of them out", name)
		}
	}
	return nil
}

// fromRun reports whether --from is a run folder and not a file, and reads the options of its detector.
func (b *boxFlags) fromRun() (bool, error) {
	info, err := os.Stat(b.from)
	if err != nil {
		return false, fmt.Errorf("%s: there is no such run folder or file; check the path", b.from)
	}
	if !info.IsDir() {
		return false, nil
	}
	if sameFile(b.from, b.run) {
		return false, usagef("--from %s: is the run itself; choose a new folder, or continue with --resume", b.from)
	}
	r, err := runfolder.Open(b.from)
	if err != nil {
		return false, err
	}
	b.origin = &sample.DetectorOptions{}
	return true, r.Options(b.kind.Name, b.origin)
}

// defaults sets the settings of the training that flags don't give.
func (b *boxFlags) defaults(c *cobra.Command, settings train.Config) {
	fields := pflag.NewFlagSet(b.kind.Name, pflag.ContinueOnError)
	addConfigFlags(fields, &settings)
	c.Flags().Visit(func(given *pflag.Flag) {
		if fields.Lookup(given.Name) != nil {
			_ = fields.Set(given.Name, strings.Trim(given.Value.String(), "[]")) // which was parsed already
		}
	})
	if !c.Flags().Changed("epochs") || c.Flags().Changed("steps") {
		if !c.Flags().Changed("warmup") {
			settings.Warmup = min(settings.Warmup, settings.Steps/10)
		}
	}
	if !c.Flags().Changed("milestones") {
		settings.Milestones = nil
		if settings.Schedule == "multistep" { // of an unknown number of steps, until the data is known
			settings.Milestones = []int{settings.Warmup + 1}
		}
	}
	if settings.Optimizer != "sgd" && !c.Flags().Changed("bias-rate") {
		settings.BiasRate = 1
	}
	b.config = settings
}

// fit fits settings to the number of pictures. milestones returns those of a number of steps.
func (b *boxFlags) fit(c *cobra.Command, settings *train.Config, training, heldOut *boxes.Set, milestones func(steps int) []int) error {
	items := len(training.Pictures)
	if settings.Batch > items && c.Flags().Changed("batch") {
		return usagef("--batch %d: is more than the %s to train on; choose a smaller batch, or add pictures", settings.Batch, count(items, "picture"))
	}
	fit(c, settings, items, len(heldOut.Pictures))
	if settings.Schedule == "multistep" && !b.resume && !c.Flags().Changed("milestones") {
		settings.Milestones = milestones(steps(*settings, items))
	}
	return nil
}

// keepPictures takes the data of a resumed run.
func (b *boxFlags) keepPictures(c *cobra.Command, r *runfolder.Run) error {
	if err := keepModel(c, "classes", "one-class", "split", "labels", "images", "hold-out", "augment"); err != nil {
		return err
	}
	var o sample.DetectorOptions
	if err := r.Options(b.kind.Name, &o); err != nil {
		return err
	}
	b.classes = o.Classes
	path := b.how.Path
	if o.Data != nil {
		b.how = *o.Data
		b.how.Path = o.Data.Locate()
	}
	if path != "" {
		b.how.Path = path
	}
	if b.how.Path == "" {
		return usagef("--data is missing: the run was imported and has no pictures; name some with boxes")
	}
	return nil
}

// pictures opens the pictures and splits them.
func (b *boxFlags) pictures(c *cobra.Command) (training, heldOut *boxes.Set, err error) {
	if b.how.As != "" && !b.resume {
		b.how.Of = b.classes
	}
	o := b.how.Options(b.classes)
	o.Limits = decodeLimits
	all, err := boxes.Open(b.how.Path, o)
	if boxes.NoSplit(err) && !c.Flags().Changed("split") && !b.resume && b.withoutSplits(o) {
		o.Split = data.All
		b.how.Split = string(o.Split)
		all, err = boxes.Open(b.how.Path, o)
	}
	if err != nil {
		return nil, nil, err
	}
	bar := newBar(c.ErrOrStderr(), "decoding pictures")
	kept, damaged, err := tasks.DecodableBoxes(c.Context(), all, bar.update)
	bar.finish()
	if err != nil {
		return nil, nil, err
	}
	fmt.Fprint(c.ErrOrStderr(), kept.String())
	for i, failure := range damaged {
		if i == 5 {
			fmt.Fprintf(c.ErrOrStderr(), "%d more pictures that can't be decoded are left out\n", len(damaged)-i)
			break
		}
		fmt.Fprintf(c.ErrOrStderr(), "left out: %v\n", failure)
	}
	training, heldOut = tasks.HoldOutBoxes(kept, b.how.Share)
	n := len(training.Pictures)
	fmt.Fprintf(c.ErrOrStderr(), "training on %s, %d held out%s\n", count(n, "picture"), len(heldOut.Pictures), heldOutAnyway(b.how.Share, n, len(heldOut.Pictures)))
	if b.how.From = data.GivenIn(b.how.Path); boxes.IsScenes(b.how.Path) {
		b.how.From = ""
	}
	return training, heldOut, nil
}

// withoutSplits reports whether the pictures lack the split test. If they have it and lack trainval, all of them would be used to train.
func (b *boxFlags) withoutSplits(o boxes.Options) bool {
	o.Split = data.Test
	_, err := boxes.Open(b.how.Path, o)
	return boxes.NoSplit(err)
}

// startable is a detector that starts with weights of files.
type startable interface {
	SetBackbone(b *backbone.Backbone) error
	LoadState(path string, newClasses bool) (fresh bool, err error)
}

// load sets the initial weights that files have.
func (b *boxFlags) load(c *cobra.Command, d *tensor.Device, m startable, classes []string) error {
	if b.weights != "" {
		network, err := backbone.Open(b.weights, d)
		if err != nil {
			return err
		}
		return m.SetBackbone(network)
	}
	if b.from == "" {
		return nil
	}
	path, other := b.from, false
	if b.origin != nil {
		r, err := runfolder.Open(b.from)
		if err != nil {
			return err
		}
		path, other = r.WeightsPath(b.kind.Name), !slices.Equal(b.origin.Classes, classes)
	}
	fresh, err := m.LoadState(path, other)
	if err != nil {
		return err
	}
	if fresh {
		fmt.Fprintf(c.ErrOrStderr(), "the layers that predict classes are new, as %s has other classes; all other weights are kept\n", b.from)
	}
	return nil
}
