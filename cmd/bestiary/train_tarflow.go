package main

import (
	"cmp"
	"fmt"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/train/tasks"
	"github.com/spf13/cobra"
)

func newTrainTarFlow() *cobra.Command {
	defaults := tasks.DefaultTarFlow(1) // the autoencoder and its data decide the sizes
	model, how := defaults.Model, tasks.DefaultTarFlowOptions()
	c := &cobra.Command{
		Use:   models.TarFlow.Name,
		Short: "Train the transformer flow over the latent maps of a KL autoencoder",
		Long: `Train a transformer autoregressive flow (TarFlow) on the latent maps of a run's KL autoencoder. The
pictures are those that the autoencoder was trained on, unless --data names others with the same
classes. They are encoded once, unchanged and in random views, and their latents stay in memory.

The loss is in nats per number of a latent map with the noise. On held-out pictures, the metrics report the negative
log-density of a map in nats and in bits per number, and the accuracy of the class with the largest
log-density, without and with the frequencies of the classes.`,
		Example: `  bestiary train tarflow --run runs/pets
  bestiary train tarflow --run runs/pets --blocks 8,2,2,2 --dim 384 --steps 20000
  bestiary train tarflow --run runs/pets --resume`,
		Args: noArguments,
	}
	f := addTrainFlags(c, models.TarFlow.Info, "run", "run folder with a trained KL autoencoder (required)", defaults.Training)
	f.data.fromRun(c)
	c.Flags().IntSliceVar(&model.Blocks, "blocks", model.Blocks, "transformer layers of each block, from noise to data")
	c.Flags().IntVar(&model.Dim, "dim", model.Dim, "width of the transformers, a multiple of --head-dim")
	c.Flags().IntVar(&model.HeadDim, "head-dim", model.HeadDim, "size of an attention head")
	c.Flags().IntVar(&model.FFMult, "ff-mult", model.FFMult, "width of the feed-forward layers, in multiples of --dim")
	c.Flags().IntVar(&model.Patch, "patch", model.Patch, "side of the square of latents that is a token")
	c.Flags().BoolVar(&model.Start, "start", model.Start, "transform the first token of a block, too, by a learned input before it")
	c.Flags().BoolVar(&model.Variance, "variance", model.Variance, "learn the variances of the base distribution")
	c.Flags().Float64Var(&model.LogScale, "log-scale", model.LogScale, "bound of the log-scale of a block")
	c.Flags().Float64Var(&model.Noise, "noise", model.Noise, "Gaussian noise on the latents in training, in their standard deviations; samples are denoised")
	c.Flags().Float64Var(&model.ClassDropout, "class-dropout", model.ClassDropout, "share of training rows without their class, for guidance")
	c.Flags().Float64Var(&model.Dropout, "dropout", model.Dropout, "dropout of the transformers")
	c.Flags().IntVar(&how.Views, "views", how.Views, "random views of each picture that are encoded, beside the picture itself")
	c.Flags().BoolVar(&how.Augment.Flip, "flip", how.Augment.Flip, "mirror views at random")
	c.Flags().Float64Var(&how.Augment.Crop, "crop", how.Augment.Crop, "views are random crops of at least this share of the area (1: none)")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := checkCrops(c); err != nil {
			return err
		}
		for _, err := range []error{model.Validate(), how.Validate()} { // the autoencoder's sizes are not known yet
			if err != nil {
				return invalid(err)
			}
		}
		r, d, err := f.open(c, false)
		if err != nil {
			return err
		}
		var description data.Description
		if err := r.Data(&description); err != nil {
			return err
		}
		kl, err := models.KL.Load(f.run, d)
		if err != nil {
			return err
		}
		sizes := kl.Config()
		model.Height, model.Width, model.Channels, model.Classes = sizes.Grid(), sizes.Grid(), sizes.Embed, len(description.Classes)
		if f.resume {
			if err := keepModel(c, "blocks", "dim", "head-dim", "ff-mult", "patch", "start", "variance", "log-scale", "noise",
				"class-dropout", "dropout", "views", "flip", "crop"); err != nil {
				return err
			}
			if model, err = models.TarFlow.Config(f.run); err != nil {
				return err
			}
			if err := r.Options(f.kind.Name, &how); err != nil {
				return err
			}
			if err := how.Check(kl); err != nil {
				return fmt.Errorf("%s: %w", r.WeightsPath(models.KL.Name), err)
			}
		} else if err := model.Validate(); err != nil {
			return invalid(err)
		}
		settings, err := f.settings(c)
		if err != nil {
			return err
		}
		f.data.like(description)
		f.data.channels = sizes.Channels
		if !c.Flags().Changed("split") {
			f.data.split = cmp.Or(description.Split, f.data.split)
		}
		training, heldOut, err := f.pictures(c, sizes.ImageSize, description)
		if err != nil {
			return err
		}
		fit(c, &settings, training.Len(), heldOut.Len())
		bar := newBar(c.ErrOrStderr(), "encoding pictures")
		o := tasks.Options{Batch: settings.Batch, Seed: settings.Seed, Progress: bar.update}
		_, task, err := tasks.TarFlow(c.Context(), d, model, how, kl, description, training, heldOut, o)
		bar.finish()
		if err != nil {
			return err
		}
		return runTask(c, f, task, settings)
	}
	return c
}
