package main

import (
	"cmp"
	"fmt"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/flows"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/train/tasks"
	"github.com/spf13/cobra"
)

func newTrainFlow() *cobra.Command {
	defaults := tasks.DefaultFlow(1, 1) // the autoencoder and its data decide the sizes
	model := defaults.Model
	c := &cobra.Command{
		Use:   models.Flow.Name,
		Short: "Train the flow that learns how embeddings are distributed in each class",
		Long: `Train the conditional RealNVP on the embeddings of a run's autoencoder. The pictures are those
that the autoencoder was trained on, unless --data names others with the same classes.`,
		Example: `  bestiary train flow --run runs/pets
  bestiary train flow --run runs/pets --noise 0.2 --layers 8 --batch 64
  bestiary train flow --run runs/pets --resume`,
		Args: noArguments,
	}
	f := addTrainFlags(c, models.Flow.Info, "run", "run folder with a trained autoencoder (required)", defaults.Training)
	f.data.fromRun(c)
	c.Flags().IntVar(&model.Layers, "layers", model.Layers, "coupling layers")
	c.Flags().IntSliceVar(&model.Hidden, "hidden", model.Hidden, "hidden layers of the couplings' networks; the first is repeated")
	c.Flags().StringVar((*string)(&model.Norm), "norm", string(model.Norm), "normalisation between couplings: batch, act or none")
	c.Flags().StringVar((*string)(&model.Permutation), "permutation", string(model.Permutation), "permutation of the dimensions between couplings: random, reverse, or none (couplings alternate between the halves)")
	c.Flags().BoolVar(&model.BoundedScale, "bounded-scale", model.BoundedScale, "apply tanh to the log-scale of the couplings")
	c.Flags().Float64Var(&model.Noise, "noise", model.Noise, "Gaussian noise on the embeddings in training, in their standard deviations")
	c.RunE = func(c *cobra.Command, _ []string) error {
		early := model
		early.Dim = 2 // until the autoencoder is read
		if err := early.Validate(); err != nil {
			return invalid(err)
		}
		r, d, err := f.open(c, false)
		if err != nil {
			return err
		}
		var description data.Description
		if err := r.Data(&description); err != nil {
			return err
		}
		encoder, err := models.Autoencoder.Load(f.run, d)
		if err != nil {
			return err
		}
		sizes := encoder.Config()
		model.Dim, model.Classes = sizes.Embedding, len(description.Classes)
		if f.resume {
			if err := keepModel(c, "layers", "hidden", "norm", "permutation", "bounded-scale", "noise"); err != nil {
				return err
			}
			if model, err = models.Flow.Config(f.run); err != nil {
				return err
			}
			var trained sample.FlowOptions
			if r.Options(f.kind.Name, &trained) == nil { // older runs have none
				if err := trained.Check(encoder); err != nil {
					return fmt.Errorf("%s: %w", r.WeightsPath(models.Autoencoder.Name), err)
				}
			}
		} else if err := model.Validate(); err != nil {
			return usagef("%w", err)
		}
		if model.Norm == flows.BatchNormalization {
			f.least = 2
		}
		settings, err := f.settings(c)
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
		return runTask(c, f, task, settings)
	}
	return c
}
