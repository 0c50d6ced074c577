package main

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/bestiary-ml/bestiary/autoencoder"
	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/flows"
	runfolder "github.com/bestiary-ml/bestiary/internal/run"
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
	c.AddCommand(newTrainAutoencoder(), newTrainFlow())
	return c
}

// trainFlags are the flags of every training.
type trainFlags struct {
	run    string
	resume bool
	data   *dataFlags
	device *deviceFlags
	config train.Config
}

func addTrainFlags(c *cobra.Command, runFlag, runUsage string, defaults train.Config) *trainFlags {
	f := &trainFlags{config: defaults}
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
		return nil, nil, usagef("--%s is missing: name the run folder, for example --%s runs/pets", name, name)
	}
	if c.Flags().Changed("epochs") && !c.Flags().Changed("steps") {
		f.config.Steps = 0
	}
	if err := f.config.Validate(); err != nil && !f.resume {
		return nil, nil, &usageError{err}
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

// settings are the training's: those of the command line, or on a resume those of the run, save for flags given now.
func (f *trainFlags) settings(c *cobra.Command, r *runfolder.Run, model string) (train.Config, error) {
	if !f.resume {
		return f.config, nil
	}
	var saved train.Config
	if err := r.Training(model, &saved); err != nil {
		return saved, err
	}
	again := pflag.NewFlagSet(model, pflag.ContinueOnError)
	saved.Flags(again)
	var err error
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
		return saved, &usageError{err}
	}
	return saved, nil
}

// fit adapts defaults to the data: a batch has no more than there is, a short training has a tenth of it as warm-up, and
// one that nothing is held out from can't stop early.
func fit(c *cobra.Command, settings *train.Config, items, heldOut int) {
	if !c.Flags().Changed("patience") && heldOut == 0 {
		settings.Patience = 0
	}
	if !c.Flags().Changed("batch") {
		settings.Batch = min(settings.Batch, items)
	}
	steps := settings.Steps
	if steps == 0 {
		steps = settings.Epochs * max(1, items/settings.Batch)
	}
	if !c.Flags().Changed("warmup") {
		settings.Warmup = min(settings.Warmup, steps/10)
	}
}

// pictures loads the pictures that the description speaks of and splits them.
func (f *trainFlags) pictures(c *cobra.Command, size int, description runfolder.Dataset) (training, heldOut *data.Dataset, err error) {
	all, err := f.data.load(c, size, data.Split(f.data.split))
	if err != nil {
		return nil, nil, err
	}
	training, heldOut = tasks.HoldOut(all, description.Share)
	if training.Len() == 0 {
		return nil, nil, usagef("--hold-out %v: leaves none of %s to train on; choose a smaller share", description.Share, count(all.Len(), "picture"))
	}
	fmt.Fprintf(c.ErrOrStderr(), "training on %s, watching %d\n", count(training.Len(), "picture"), heldOut.Len())
	if ratio := training.Report.Imbalance(); ratio >= 1.5 && !description.Balance {
		fmt.Fprintf(c.ErrOrStderr(), "the largest class has %.1f times the pictures of the smallest; --balance shows them equally often\n", ratio)
	}
	return training, heldOut, nil
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

func newTrainAutoencoder() *cobra.Command {
	defaults := train.DefaultConfig()
	defaults.Steps, defaults.WeightDecay, defaults.Schedule, defaults.Warmup, defaults.EMA = 3000, 1e-5, "cosine", 50, 0.998
	defaults.EvalEvery, defaults.SampleEvery, defaults.CheckpointEvery, defaults.Patience = 100, 500, 500, 20
	model := autoencoder.DefaultConfig()
	c := &cobra.Command{
		Use:   "autoencoder",
		Short: "Train the autoencoder that turns pictures into embeddings and back",
		Example: `  bestiary train autoencoder --data oxford-pets --out runs/pets
  bestiary train autoencoder --data my-pictures/ --out runs/mine --image-size 128 --steps 10000
  bestiary train autoencoder --out runs/pets --resume`,
		Args: noArguments,
	}
	f := addTrainFlags(c, "out", "run folder to make, or to go on with (required)", defaults)
	f.data.addShapeFlags(c)
	description := runfolder.Dataset{}
	c.Flags().Float64Var(&description.Share, "hold-out", 0.1, "share of the pictures that is kept aside to watch the training by")
	c.Flags().BoolVar(&description.Augment.Flip, "flip", true, "mirror pictures at random")
	c.Flags().Float64Var(&description.Augment.Zoom, "zoom", 0.6, "cut out squares at random, of at least this share of the side (1: none)")
	c.Flags().Float64Var(&description.Augment.Colour, "colour", 0.2, "change contrast, brightness and saturation at random by up to this much")
	c.Flags().BoolVar(&description.Balance, "balance", false, "show every class equally often, however many pictures it has")
	c.Flags().IntVar(&model.ImageSize, "image-size", model.ImageSize, "side of the pictures: 32, 64, 128 or 256")
	c.Flags().IntSliceVar(&model.Channels, "channels", model.Channels, "channels of the picture and after each of the five halvings")
	c.Flags().IntVar(&model.Hidden, "hidden", model.Hidden, "width between the convolutions and the embedding")
	c.Flags().IntVar(&model.Embedding, "embedding", model.Embedding, "numbers in an embedding")
	c.Flags().Float64Var(&model.Dropout, "dropout", model.Dropout, "dropout beside the embedding")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if !(description.Share >= 0 && description.Share < 1) {
			return usagef("--hold-out %v: is out of range; choose 0 to less than 1", description.Share)
		}
		if err := description.Augment.Validate(); err != nil {
			return usagef("--%w", err)
		}
		if err := model.Validate(); err != nil {
			return usagef("--%w", err)
		}
		if model.Embedding < 2 {
			return usagef("--embedding %d: is too small for a flow, which splits it in two; use 2 or more", model.Embedding)
		}
		if f.data.path == "" && !f.resume {
			return usagef("--data is missing: name the folder or parquet file of the pictures")
		}
		r, d, err := f.open(c, "autoencoder", true)
		if err != nil {
			return err
		}
		if f.resume {
			if err := keepModel(c, "image-size", "channels", "hidden", "embedding", "dropout", "split", "labels", "resize", "hold-out", "flip", "zoom", "colour", "balance"); err != nil {
				return err
			}
			if err := r.Data(&description); err != nil {
				return err
			}
			f.data.like(description)
			f.data.split = cmp.Or(description.Split, f.data.split)
			if err := r.Config("autoencoder", &model); err != nil {
				return err
			}
		}
		settings, err := f.settings(c, r, "autoencoder")
		if err != nil {
			return err
		}
		training, heldOut, err := f.pictures(c, model.ImageSize, description)
		if err != nil {
			return err
		}
		if settings.Batch > training.Len() {
			return usagef("--batch %d: there are %s to train on; choose a smaller batch, or add pictures", settings.Batch, count(training.Len(), "picture"))
		}
		description.Path, description.Split, description.Labels, description.Resize = f.data.path, f.data.split, f.data.labels, f.data.resize
		fit(c, &settings, training.Len(), heldOut.Len())
		o := tasks.Options{Batch: settings.Batch, Seed: settings.Seed}
		_, task, err := tasks.Autoencoder(d, model, description, training, heldOut, o)
		if err != nil {
			return err
		}
		if !f.resume {
			if r, err = runfolder.Create(f.run); err != nil {
				return err
			}
		}
		if r.HasWeights("flow") {
			fmt.Fprintf(c.ErrOrStderr(), "the run's flow knows the embeddings as they are now; once the autoencoder has changed, delete %s and %s and train the flow again\n",
				r.WeightsPath("flow"), r.StatePath("flow"))
		}
		result, err := train.Run(c.Context(), r, *task, settings, train.Options{Resume: f.resume, Progress: c.ErrOrStderr()})
		return finish(c, r, "autoencoder", result, err)
	}
	return c
}

func newTrainFlow() *cobra.Command {
	defaults := train.DefaultConfig()
	defaults.Steps, defaults.WeightDecay, defaults.Schedule, defaults.Warmup, defaults.Clip = 4000, 1e-5, "cosine", 50, 50
	defaults.EvalEvery, defaults.SampleEvery, defaults.CheckpointEvery, defaults.Patience = 100, 1000, 1000, 10
	defaults.Batch = 128
	model := flows.DefaultConfig(1, 1)
	model.Noise = 0.02
	c := &cobra.Command{
		Use:   "flow",
		Short: "Train the flow that learns how embeddings are distributed in each class",
		Long: `Train the conditional RealNVP on the embeddings of a run's autoencoder. The pictures are those
that the autoencoder was trained on, unless --data names others with the same classes.`,
		Example: `  bestiary train flow --run runs/pets
  bestiary train flow --run runs/pets --noise 0.2 --layers 8 --batch 64
  bestiary train flow --run runs/pets --resume`,
		Args: noArguments,
	}
	f := addTrainFlags(c, "run", "run folder with a trained autoencoder (required)", defaults)
	f.data.fromRun(c)
	c.Flags().IntVar(&model.Layers, "layers", model.Layers, "couplings")
	c.Flags().IntSliceVar(&model.Hidden, "hidden", model.Hidden, "widths of the couplings' networks, the first twice")
	c.Flags().StringVar((*string)(&model.Norm), "norm", string(model.Norm), "normalisation between couplings: batch, act or none")
	c.Flags().StringVar((*string)(&model.Permutation), "permutation", string(model.Permutation), "order of the columns between couplings: random, reverse, or none (couplings take turns with the halves)")
	c.Flags().BoolVar(&model.BoundedScale, "bounded-scale", model.BoundedScale, "tanh on the log-scale of the couplings")
	c.Flags().Float64Var(&model.Noise, "noise", model.Noise, "noise on the embeddings in training, in standard deviations")
	c.RunE = func(c *cobra.Command, _ []string) error {
		r, d, err := f.open(c, "flow", false)
		if err != nil {
			return err
		}
		var description runfolder.Dataset
		if err := r.Data(&description); err != nil {
			return err
		}
		var sizes autoencoder.Config
		if err := r.Config("autoencoder", &sizes); err != nil {
			return err
		}
		encoder, err := autoencoder.New(d, sizes, tensor.NewGenerator(0))
		if err != nil {
			return err
		}
		if _, err := r.LoadWeights("autoencoder", encoder); err != nil {
			return err
		}
		model.Dim, model.Classes = sizes.Embedding, len(description.Classes)
		if f.resume {
			if err := keepModel(c, "layers", "hidden", "norm", "permutation", "bounded-scale", "noise"); err != nil {
				return err
			}
			if err := r.Config("flow", &model); err != nil {
				return err
			}
		} else if err := model.Validate(); err != nil {
			return &usageError{err}
		}
		settings, err := f.settings(c, r, "flow")
		if err != nil {
			return err
		}
		f.data.like(description)
		if !c.Flags().Changed("split") {
			f.data.split = cmp.Or(description.Split, f.data.split)
		}
		training, heldOut, err := f.pictures(c, sizes.ImageSize, description)
		if err != nil {
			return err
		}
		fit(c, &settings, training.Len(), heldOut.Len())
		bar := newBar(c.ErrOrStderr(), "embedding pictures")
		o := tasks.Options{Batch: settings.Batch, Seed: settings.Seed, Progress: bar.update}
		_, task, err := tasks.Flow(c.Context(), d, model, encoder, description, training, heldOut, o)
		bar.finish()
		if err != nil {
			return err
		}
		result, err := train.Run(c.Context(), r, *task, settings, train.Options{Resume: f.resume, Progress: c.ErrOrStderr()})
		return finish(c, r, "flow", result, err)
	}
	return c
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
