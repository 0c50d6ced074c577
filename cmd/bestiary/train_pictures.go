package main

import (
	"cmp"
	"fmt"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/train"
	"github.com/bestiary-ml/bestiary/train/tasks"
	"github.com/spf13/cobra"
)

// checkBatch returns an error if --batch was given and is larger than the data.
func checkBatch(c *cobra.Command, settings train.Config, training *data.Dataset) error {
	if settings.Batch > training.Len() && c.Flags().Changed("batch") {
		return usagef("--batch %d: is more than the %s to train on; choose a smaller batch, or add pictures", settings.Batch, count(training.Len(), "picture"))
	}
	return nil
}

// fit adapts defaults to the data: a batch is at most the data, and the warmup at most a tenth of the training. A training
// without held-out pictures or without evaluations doesn't stop early.
func fit(c *cobra.Command, settings *train.Config, items, heldOut int) {
	if !c.Flags().Changed("patience") && (heldOut == 0 || settings.EvalEvery == 0) {
		settings.Patience = 0
	}
	if !c.Flags().Changed("batch") {
		settings.Batch = min(settings.Batch, items)
	}
	if !c.Flags().Changed("warmup") {
		settings.Warmup = min(settings.Warmup, steps(*settings, items)/10)
	}
}

// steps returns the length of a training on the given number of items.
func steps(settings train.Config, items int) int {
	if settings.Steps > 0 {
		return settings.Steps
	}
	batches := settings.Epochs * max(1, items/settings.Batch)
	return (batches + settings.Accumulate - 1) / settings.Accumulate
}

// pictures loads the pictures of the description and splits them.
func (f *trainFlags) pictures(c *cobra.Command, size int, description data.Description) (training, heldOut *data.Dataset, err error) {
	f.data.part = cmp.Or(f.data.part, description.Part)
	all, err := f.data.loadPart(c, size, data.Split(f.data.split), f.data.part)
	if err != nil {
		return nil, nil, err
	}
	training, heldOut = tasks.HoldOut(all, description.Share)
	fmt.Fprintf(c.ErrOrStderr(), "training on %s, %d held out%s\n", count(training.Len(), "picture"), heldOut.Len(), heldOutAnyway(description.Share, training.Len(), heldOut.Len()))
	if training.Len() < f.least {
		return nil, nil, usagef("--hold-out %v: leaves %d of %s to train on, and it takes %d; choose a smaller share, or add pictures", description.Share, training.Len(), count(all.Len(), "picture"), f.least)
	}
	if n := training.Len(); n < fewPictures && f.kind.Name != models.Classifier.Name {
		fmt.Fprintf(c.ErrOrStderr(), "%s to train on: the model will learn so few by heart, and samples will be copies; \"bestiary eval --copies copies.png\" shows them beside the training pictures\n", count(n, "picture"))
	}
	if empty := training.Report.Empty(); len(empty) > len(all.Report.Empty()) {
		fmt.Fprintln(c.ErrOrStderr(), data.Note("classes that keep no picture to train on, as all are held out", empty, 10))
	}
	if ratio := training.Report.Imbalance(); ratio >= 1.5 && !description.Balance {
		fmt.Fprintf(c.ErrOrStderr(), "the largest class has %.1f times the pictures of the smallest; --balance shows them equally often\n", ratio)
	}
	return training, heldOut, nil
}

// fewPictures is a number of training pictures below which a generator learns them by heart.
const fewPictures = 100

// heldOutAnyway explains why the held-out pictures are not the share of --hold-out: none would be held out, or none left
// to train on.
func heldOutAnyway(share float64, training, heldOut int) string {
	all := float64(training + heldOut)
	switch {
	case share == 0:
		return ""
	case heldOut == 0:
		return fmt.Sprintf(": --hold-out %v of one picture would leave none to train on", share)
	case share*all < 1 && heldOut == 1:
		return fmt.Sprintf(": --hold-out %v is less than one of %v", share, all)
	case (1-share)*all < 1 && training == 1:
		return fmt.Sprintf(": --hold-out %v leaves less than one of %v", share, all)
	}
	return ""
}

// checkCrops returns an error for crops of a share of 0, which package data takes for none.
func checkCrops(c *cobra.Command) error {
	for _, name := range []string{"zoom", "crop"} {
		f := c.Flags().Lookup(name)
		if f == nil || !f.Changed {
			continue
		}
		if share, err := c.Flags().GetFloat64(name); err == nil && share == 0 {
			return usagef("--%s %s: must be above 0 and at most 1, which is no crops", name, f.Value)
		}
	}
	return nil
}
