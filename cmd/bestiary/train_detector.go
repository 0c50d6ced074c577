package main

import (
	"github.com/bestiary-ml/bestiary/data/boxes"
	runfolder "github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/train"
	"github.com/bestiary-ml/bestiary/train/tasks"
	"github.com/spf13/cobra"
)

// boxTraining is what the training of one kind of detector has of its own.
type boxTraining[B train.Batch] struct {
	missing    string                                         // names pictures in the error for a missing --data
	check      func(c *cobra.Command) error                   // checks the flags without the data
	keep       func(c *cobra.Command, r *runfolder.Run) error // takes the model and the data of a resumed run
	milestones func(steps int) []int
	classes    *int // of the model's configuration
	task       func(d *tensor.Device, training, heldOut *boxes.Set, o tasks.Options) (startable, *train.Task[B], error)
}

// trainDetector checks the flags, opens the data and trains.
func trainDetector[B train.Batch](c *cobra.Command, b *boxFlags, own boxTraining[B]) error {
	if err := own.check(c); err != nil {
		return err
	}
	if b.how.Path == "" && !b.resume {
		return usagef("--data is missing: name %s", own.missing)
	}
	r, d, err := b.open(c, true)
	if err != nil {
		return err
	}
	if b.resume {
		if err := own.keep(c, r); err != nil {
			return err
		}
	}
	settings, err := b.settings(c)
	if err != nil {
		return err
	}
	training, heldOut, err := b.pictures(c)
	if err != nil {
		return err
	}
	if err := b.fit(c, &settings, training, heldOut, own.milestones); err != nil {
		return err
	}
	if !b.resume {
		*own.classes = len(training.Classes)
	}
	model, task, err := own.task(d, training, heldOut, tasks.Options{Batch: settings.Batch, Seed: settings.Seed})
	if err != nil {
		return err
	}
	if !b.resume {
		if err := b.load(c, d, model, training.Classes); err != nil {
			return err
		}
	}
	return runTask(c, b.trainFlags, task, settings)
}
