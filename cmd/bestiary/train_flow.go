package main

import (
	"cmp"
	"fmt"

	"github.com/bestiary-ml/bestiary/autoencoder"
	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/flows"
	"github.com/bestiary-ml/bestiary/internal/usage"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/train"
	"github.com/bestiary-ml/bestiary/train/tasks"
	"github.com/spf13/cobra"
)

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
		var description data.Description
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
			var trained sample.FlowOptions
			if r.Options("flow", &trained) == nil { // older runs have none
				if err := trained.Check(encoder); err != nil {
					return fmt.Errorf("%s: %w", r.Path("autoencoder.safetensors"), err)
				}
			}
		} else if err := model.Validate(); err != nil {
			return usage.Mistake(err)
		}
		if model.Norm == flows.BatchNormalization {
			f.least = 2
		}
		settings, err := f.settings(c, "flow")
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
		result, err := train.Run(c.Context(), r.Dir(), *task, settings, train.Options{Resume: f.resume, Progress: c.ErrOrStderr()})
		return finish(c, r, "flow", result, err)
	}
	return c
}
