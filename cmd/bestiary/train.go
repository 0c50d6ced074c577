package main

import (
	"errors"
	"fmt"

	"github.com/bestiary-ml/bestiary/data"
	runfolder "github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/internal/usage"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/train"
	"github.com/bestiary-ml/bestiary/train/tasks"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func newTrain() *cobra.Command {
	c := &cobra.Command{
		Use:   "train",
		Short: "Train a model",
		Long: `Train a model. Everything it leaves is in the run folder: the weights, what is needed to go on,
metrics as JSON lines and TensorBoard events, a plot of the loss, and samples drawn on the way.

An interrupt (Ctrl-C) saves and stops; --resume goes on where the training stopped, to the bit.`,
		Args: knownCommand,
		RunE: help,
	}
	c.AddCommand(newTrainAutoencoder(), newTrainFlow(), newTrainDVAE(), newTrainDALLE(), newTrainCLIP())
	return c
}

// trainFlags are the flags of every training.
type trainFlags struct {
	run    string
	resume bool
	data   *dataFlags
	device *deviceFlags
	config train.Config
	least  int // pictures that it takes to train: two where a batch is compared or normalised
}

func addTrainFlags(c *cobra.Command, runFlag, runUsage string, defaults train.Config) *trainFlags {
	f := &trainFlags{config: defaults, least: 1}
	c.Flags().StringVar(&f.run, runFlag, "", runUsage)
	c.Flags().SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		if name == "run" || name == "out" { // both name the run folder
			name = runFlag
		}
		return pflag.NormalizedName(name)
	})
	f.data = addDataFlags(c, data.Trainval)
	f.device = addDeviceFlags(c)
	c.Flags().BoolVar(&f.resume, "resume", false, "go on with the run's checkpoint")
	f.config.Flags(c.Flags())
	return f
}

// open checks the flags that name things and opens the device and the run folder. The folder of a new run is only
// looked at (the run is nil): it is made when everything else is ready.
func (f *trainFlags) open(c *cobra.Command, model string, create bool) (*runfolder.Run, *tensor.Device, error) {
	if f.run == "" {
		name := "run"
		if create {
			name = "out"
		}
		example := "runs/birds"
		if model == "autoencoder" || model == "flow" {
			example = "runs/pets"
		}
		return nil, nil, usagef("--%s is missing: name the run folder, for example --%s %s", name, name, example)
	}
	if c.Flags().Changed("epochs") && !c.Flags().Changed("steps") {
		f.config.Steps = 0
	}
	if err := f.config.Validate(); err != nil && !f.resume {
		return nil, nil, usage.Mistake(err)
	}
	if f.resume && !c.Flags().Changed("precision") {
		f.device.options.Precision = f.precision(model)
	}
	d, err := f.device.open()
	if err != nil {
		return nil, nil, err
	}
	if create && !f.resume {
		return nil, d, runfolder.Check(f.run, model)
	}
	r, err := runfolder.Open(f.run)
	if err == nil && !f.resume {
		err = r.CheckNew(model)
	}
	return r, d, err
}

// precision is the one that the run's model has been trained at so far; "" if there is none, which is found out later.
func (f *trainFlags) precision(model string) string {
	saved, err := train.Saved(f.run, model)
	if err != nil {
		return ""
	}
	return saved.Precision
}

// settings are the training's: those of the command line, or on a resume those of the run, save for flags given now.
func (f *trainFlags) settings(c *cobra.Command, model string) (train.Config, error) {
	if !f.resume {
		return f.config, nil
	}
	saved, err := train.Saved(f.run, model)
	if err != nil {
		return saved, err
	}
	again := pflag.NewFlagSet(model, pflag.ContinueOnError)
	saved.Flags(again)
	c.Flags().Visit(func(given *pflag.Flag) {
		if again.Lookup(given.Name) == nil {
			return
		}
		if given.Name == "steps" {
			saved.Epochs = 0
		}
		if given.Name == "epochs" {
			saved.Steps = 0
		}
		err = errors.Join(err, again.Set(given.Name, given.Value.String()))
	})
	if err == nil {
		err = saved.Validate()
	}
	if err != nil {
		return saved, usage.Mistake(err)
	}
	return saved, nil
}

// checkBatch refuses a batch that was asked for and is larger than the data.
func checkBatch(c *cobra.Command, settings train.Config, training *data.Dataset) error {
	if settings.Batch > training.Len() && c.Flags().Changed("batch") {
		return usagef("--batch %d: is more than the %s to train on; choose a smaller batch, or add pictures", settings.Batch, count(training.Len(), "picture"))
	}
	return nil
}

// fit adapts defaults to the data: a batch has no more than there is, a short training has a tenth of it as warm-up, and
// one that nothing is held out from, or that isn't evaluated on the way, can't stop early.
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

// steps is how long a training on so many items is.
func steps(settings train.Config, items int) int {
	if settings.Steps > 0 {
		return settings.Steps
	}
	batches := settings.Epochs * max(1, items/settings.Batch)
	return (batches + settings.Accumulate - 1) / settings.Accumulate
}

// pictures loads the pictures that the description speaks of and splits them.
func (f *trainFlags) pictures(c *cobra.Command, size int, description data.Description) (training, heldOut *data.Dataset, err error) {
	all, err := f.data.load(c, size, data.Split(f.data.split))
	if err != nil {
		return nil, nil, err
	}
	training, heldOut = tasks.HoldOut(all, description.Share)
	fmt.Fprintf(c.ErrOrStderr(), "training on %s, watching %d%s\n", count(training.Len(), "picture"), heldOut.Len(), heldOutAnyway(description.Share, training.Len(), heldOut.Len()))
	if training.Len() < f.least {
		return nil, nil, usagef("--hold-out %v: leaves %d of %s to train on, and it takes %d; choose a smaller share, or add pictures", description.Share, training.Len(), count(all.Len(), "picture"), f.least)
	}
	if ratio := training.Report.Imbalance(); ratio >= 1.5 && !description.Balance {
		fmt.Fprintf(c.ErrOrStderr(), "the largest class has %.1f times the pictures of the smallest; --balance shows them equally often\n", ratio)
	}
	return training, heldOut, nil
}

// heldOutAnyway tells where the pictures held out aren't the share asked for, since that would leave none to watch or to
// train on.
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

// finish reports how a training ended.
func finish(c *cobra.Command, r *runfolder.Run, model string, result *train.Result, err error) error {
	if err != nil {
		return err
	}
	fmt.Fprintf(c.OutOrStdout(), "%s: %d steps", model, result.Step)
	if result.Early {
		fmt.Fprint(c.OutOrStdout(), " (stopped early)")
	}
	if result.Best.Step > 0 {
		fmt.Fprintf(c.OutOrStdout(), ", lowest held-out loss %.5g after step %d", result.Best.Loss, result.Best.Step)
	}
	_, err = fmt.Fprintf(c.OutOrStdout(), ", in %s\n", r.WeightsPath(model))
	return err
}

// keepModel refuses flags that can't be changed when a training is resumed.
func keepModel(c *cobra.Command, flags ...string) error {
	for _, name := range flags {
		if c.Flags().Changed(name) {
			return usagef("--%s: belongs to the model, which --resume keeps; leave it out, or start a new run", name)
		}
	}
	return nil
}
