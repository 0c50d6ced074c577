package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/flows"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/train/tasks"
	"github.com/spf13/cobra"
)

// flowFlags are the flags of a flow over embeddings.
type flowFlags struct {
	*trainFlags
	architecture string
}

// choose returns the defaults of the architecture with the flags that are given. model is the default with all flags.
func (f *flowFlags) choose(c *cobra.Command, model flows.Config) (flows.Config, error) {
	if !slices.Contains(flows.ClassArchitectures(), f.architecture) {
		return model, usagef("--architecture %.80q: must be one of %s", f.architecture, strings.Join(flows.ClassArchitectures(), ", "))
	}
	if f.architecture == flows.RealNVPFlow {
		return model, nil
	}
	for _, own := range []string{"norm", "permutation", "bounded-scale"} {
		if c.Flags().Changed(own) {
			return model, usagef("--%s: is for --architecture %s only; leave it out", own, flows.RealNVPFlow)
		}
	}
	chosen := flows.DefaultClassConfig(f.architecture, model.Dim, model.Classes)
	chosen.Noise = model.Noise
	if c.Flags().Changed("layers") {
		chosen.Layers = model.Layers
	}
	if c.Flags().Changed("hidden") {
		chosen.Hidden = model.Hidden
	}
	return chosen, nil
}

func newTrainFlow() *cobra.Command {
	defaults := tasks.DefaultFlow(1, 1) // the autoencoder and its data decide the sizes
	model := defaults.Model
	c := &cobra.Command{
		Use:   models.Flow.Name,
		Short: "Train the flow that learns how embeddings are distributed in each class",
		Long: `Train a flow given the class on the embeddings of a run's autoencoder. The pictures are those that
the autoencoder was trained on, unless --data names others with the same classes.

Architectures:
  realnvp  affine couplings (Dinh et al., 2017), in the form of the flow notebook
  nsf      couplings of splines (Durkan et al., 2019)
  maf      masked autoregressive layers (Papamakarios et al., 2017)
  tarflow  transformers over pieces of the embedding (Zhai et al., 2024)

On the embeddings of 2,000 photos, realnvp gave the highest densities (docs/tables.md).
"bestiary bench tables --only pets --run RUN" compares them on the embeddings of a run.`,
		Example: `  bestiary train flow --run runs/pets
  bestiary train flow --run runs/pets --architecture nsf
  bestiary train flow --run runs/pets --noise 0.2 --layers 8 --batch 64
  bestiary train flow --run runs/pets --resume`,
		Args: noArguments,
	}
	f := &flowFlags{trainFlags: addTrainFlags(c, models.Flow.Info, "run", "run folder with a trained autoencoder (required)", defaults.Training)}
	f.data.fromRun(c)
	c.Flags().StringVar(&f.architecture, "architecture", flows.RealNVPFlow, strings.Join(flows.ClassArchitectures(), ", "))
	c.Flags().IntVar(&model.Layers, "layers", model.Layers, "couplings, autoregressive layers or blocks of transformers (default: those of the architecture)")
	c.Flags().IntSliceVar(&model.Hidden, "hidden", model.Hidden, "hidden layers of the networks, of realnvp with the first one repeated; of tarflow, the width of the transformers (default: those of the architecture)")
	c.Flags().StringVar((*string)(&model.Norm), "norm", string(model.Norm), "of realnvp: normalisation between couplings: batch, act or none")
	c.Flags().StringVar((*string)(&model.Permutation), "permutation", string(model.Permutation), "of realnvp: permutation of the dimensions between couplings: random, reverse, or none (couplings alternate between the halves)")
	c.Flags().BoolVar(&model.BoundedScale, "bounded-scale", model.BoundedScale, "of realnvp: apply tanh to the log-scale of the couplings")
	c.Flags().Float64Var(&model.Noise, "noise", model.Noise, "Gaussian noise on the embeddings in training, in their standard deviations")
	c.RunE = func(c *cobra.Command, _ []string) (err error) {
		if model, err = f.choose(c, model); err != nil {
			return err
		}
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
			if err := keepModel(c, "architecture", "layers", "hidden", "norm", "permutation", "bounded-scale", "noise"); err != nil {
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
		if model.Batched() {
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
		return runTask(c, f.trainFlags, task, settings)
	}
	return c
}
