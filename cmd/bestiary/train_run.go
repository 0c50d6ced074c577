package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/data"
	runfolder "github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/train"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// trainFlags are the flags of every training.
type trainFlags struct {
	kind     models.Info // what is trained
	run      string
	resume   bool
	fresh    bool // resume trains weights that belong to no training, as imported ones: it takes all settings from flags
	data     *dataFlags
	device   *deviceFlags
	config   train.Config
	track    []string // values of --track
	trackers []train.Tracker

	least int // pictures that a training needs: two if a batch is compared or normalised
}

// addTrainFlags adds the flags of a training on pictures.
func addTrainFlags(c *cobra.Command, kind models.Info, runFlag, runUsage string, defaults train.Config) *trainFlags {
	f := addTrainFlagsOnly(c, kind, runFlag, runUsage, defaults)
	f.data = addDataFlags(c, data.Trainval)
	f.data.device = f.device
	return f
}

// addTrainFlagsOnly adds the flags of any training.
func addTrainFlagsOnly(c *cobra.Command, kind models.Info, runFlag, runUsage string, defaults train.Config) *trainFlags {
	f := &trainFlags{kind: kind, config: defaults, least: 1}
	c.Flags().StringVar(&f.run, runFlag, "", runUsage)
	c.Flags().SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		if name == "run" || name == "out" { // both name the run folder
			name = runFlag
		}
		return pflag.NormalizedName(name)
	})
	f.device = addDeviceFlags(c)
	c.Flags().BoolVar(&f.resume, "resume", false, "continue from the run's checkpoint, or train its imported weights")
	addTrackFlag(c, &f.track)
	addConfigFlags(c.Flags(), &f.config)
	return f
}

// open checks the settings and opens the device and the run folder. With create, the folder of a new run is only checked
// (the run is nil): it is made when everything else is ready.
func (f *trainFlags) open(c *cobra.Command, create bool) (*runfolder.Run, *tensor.Device, error) {
	if f.run == "" {
		name := "run"
		if create {
			name = "out"
		}
		example := "runs/birds"
		if name := f.kind.Name; slices.Contains([]string{models.Autoencoder.Name, models.Flow.Name, models.TarFlow.Name}, name) {
			example = "runs/pets"
		} else if name == models.Density.Name {
			example = "runs/table"
		} else if name == models.SSD.Name {
			example = "runs/ssd"
		} else if name == models.MaskRCNN.Name {
			example = "runs/masks"
		}
		return nil, nil, usagef("--%s is missing: name the run folder, for example --%s %s", name, name, example)
	}
	if c.Flags().Changed("epochs") && !c.Flags().Changed("steps") {
		f.config.Steps = 0
	}
	if err := f.config.Validate(); err != nil && !f.resume {
		return nil, nil, err
	}
	var err error
	if f.trackers, err = openTrackers(f.track); err != nil {
		return nil, nil, err
	}
	if f.resume && !c.Flags().Changed("precision") {
		f.device.options.Precision = f.precision()
	}
	d, err := f.device.open()
	if err != nil {
		return nil, nil, err
	}
	if err := f.checkKinds(); err != nil {
		return nil, nil, err
	}
	if err := f.onlyCodec(); err != nil {
		return nil, nil, err
	}
	if from := fromFlag(c); from != "" && !slices.Contains(models.Detectors(), f.kind.Name) {
		return f.openFrom(c, from, d)
	}
	if create && !f.resume {
		return nil, d, runfolder.CheckTraining(f.run, f.kind.Name)
	}
	r, err := runfolder.Open(f.run)
	if err != nil {
		return nil, nil, err
	}
	if !f.resume {
		return r, d, r.CheckStart(f.kind.Name)
	}
	if f.fresh = r.HasWeights(f.kind.Name) && !r.HasTraining(f.kind.Name); f.fresh {
		err = f.config.Validate()
	}
	return r, d, err
}

// checkKinds returns an error if the run would hold both the density of a table and models of pictures: a run has one
// description of its data.
func (f *trainFlags) checkKinds() error {
	r, err := runfolder.Open(f.run)
	if err != nil { // there is no run yet
		return nil
	}
	for _, other := range r.Models() {
		if (other == models.Density.Name) != (f.kind.Name == models.Density.Name) {
			return fmt.Errorf("%s: holds the model %s, and tables and pictures can't share a run; choose another folder", f.run, other)
		}
	}
	return nil
}

// onlyCodec returns an error if the run has codes of another kind than is trained.
func (f *trainFlags) onlyCodec() error {
	if !f.kind.Codec {
		return nil
	}
	r, err := runfolder.Open(f.run)
	if err != nil { // there is no run yet
		return nil
	}
	others := slices.DeleteFunc(models.Codecs(), func(name string) bool { return name == f.kind.Name })
	if other := r.First(others); other != "" {
		return fmt.Errorf("%s: has a %s already, and a run has codes of one model; train the %s in another folder", f.run, other, f.kind.Name)
	}
	return nil
}

// precision returns the precision at which the run's model was trained; "" if there is no such model, an error later.
func (f *trainFlags) precision() string {
	saved, err := train.Saved(f.run, f.kind.Name)
	if err != nil {
		return ""
	}
	return saved.Precision
}

// settings returns the settings of the training: those of the command line or, on a resume, those of the run with the
// flags that are given.
func (f *trainFlags) settings(c *cobra.Command) (train.Config, error) {
	if !f.resume || f.fresh {
		return f.config, nil
	}
	saved, err := train.Saved(f.run, f.kind.Name)
	if err != nil {
		return saved, err
	}
	again := pflag.NewFlagSet(f.kind.Name, pflag.ContinueOnError)
	addConfigFlags(again, &saved)
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
		value := strings.Trim(given.Value.String(), "[]") // of a list: 1,2
		err = errors.Join(err, again.Set(given.Name, value))
	})
	if err == nil {
		err = saved.Validate()
	}
	return saved, err
}

// runTask trains a task in its run folder, which it makes if there is none, and reports how it ended.
func runTask[B train.Batch](c *cobra.Command, f *trainFlags, task *train.Task[B], settings train.Config) error {
	defer train.SurviveClosedPipes()()
	shard, _ := c.Flags().GetString("shard")
	reduce, _ := c.Flags().GetString("reduce")
	offload, _ := c.Flags().GetString("offload")
	ranks := ranksOf(c)
	result, err := train.Run(c.Context(), f.run, *task, settings, train.Options{
		Resume: f.resume, Progress: c.ErrOrStderr(), Trackers: f.trackers, Ranks: ranks,
		Shard: train.Shard(shard), Reduce: train.Reduce(reduce), Offload: train.Offload(offload),
	})
	if err != nil || ranks != nil && ranks.Rank() > 0 {
		return err
	}
	fmt.Fprintf(c.OutOrStdout(), "%s: %d steps", task.Model, result.Step)
	if result.Early {
		fmt.Fprint(c.OutOrStdout(), " (stopped early)")
	}
	if result.Best.Step > 0 {
		fmt.Fprintf(c.OutOrStdout(), ", lowest held-out loss %.5g after step %d", result.Best.Loss, result.Best.Step)
	}
	path := filepath.Join(f.run, task.Model+".safetensors")
	switch last, evaluated := result.HeldOut["loss"]; {
	case settings.Patience > 0 && result.Best.Step > 0:
		_, err = fmt.Fprintf(c.OutOrStdout(), "; %s has these weights\n", path)
	case evaluated && result.Best.Step != result.Step:
		_, err = fmt.Fprintf(c.OutOrStdout(), "; %s has the weights of step %d, with loss %.5g\n", path, result.Step, last)
	default:
		_, err = fmt.Fprintf(c.OutOrStdout(), ", in %s\n", path)
	}
	if result.HighLoss != nil {
		return result.HighLoss
	}
	return err
}
