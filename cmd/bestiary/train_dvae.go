package main

import (
	"cmp"
	"math"

	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/train/tasks"
	"github.com/spf13/cobra"
)

func newTrainDVAE() *cobra.Command {
	defaults := tasks.DefaultDVAE()
	model, description, how := defaults.Model, defaults.Data, tasks.DefaultDVAEOptions(0)
	c := &cobra.Command{
		Use:   models.DVAE.Name,
		Short: "Train the discrete VAE that turns pictures into grids of codes and back",
		Long: `Train the discrete variational autoencoder: it turns a picture into a grid of indices into a codebook,
which DALL-E learns to generate, and a grid back into a picture. The side of the grid is that of the
picture divided by 2^layers. Beside the loss, the metrics report the codes in use and their perplexity.`,
		Example: `  bestiary train dvae --data cub --out runs/birds
  bestiary train dvae --data birds:1:2000 --out runs/drawn --steps 1000
  bestiary train dvae --data my-pictures/ --out runs/mine --image-size 128 --layers 3 --codes 1024
  bestiary train dvae --out runs/birds --resume`,
		Args: noArguments,
	}
	f := addTrainFlags(c, models.DVAE.Info, "out", "run folder to make or to resume (required)", defaults.Training)
	f.data.addShapeFlags(c)
	f.data.anyLayout(c, false)
	augment := &description.Augment
	c.Flags().Float64Var(&description.Share, "hold-out", description.Share, "share of the pictures that is held out to evaluate the training")
	c.Flags().BoolVar(&augment.Flip, "flip", augment.Flip, "mirror pictures at random")
	c.Flags().Float64Var(&augment.Crop, "crop", augment.Crop, "random crops of at least this share of the area (1: none)")
	c.Flags().Float64Var(&augment.Colour, "colour", augment.Colour, "random changes of contrast, brightness and saturation of up to this much")
	addGrowFlag(c, &description.Grow)
	c.Flags().BoolVar(&description.Balance, "balance", description.Balance, "show every class equally often, however many pictures it has")
	c.Flags().IntVar(&model.ImageSize, "image-size", model.ImageSize, "side of the pictures, a multiple of 2^layers")
	c.Flags().IntVar(&model.Channels, "channels", model.Channels, "3 for RGB, 4 for RGBA")
	c.Flags().IntVar(&model.Codes, "codes", model.Codes, "entries of the codebook")
	c.Flags().IntVar(&model.CodebookDim, "codebook-dim", model.CodebookDim, "dimensions of a codebook entry")
	c.Flags().IntVar(&model.Layers, "layers", model.Layers, "stride-2 convolutions from the picture to the grid")
	c.Flags().IntVar(&model.ResnetBlocks, "resnet-blocks", model.ResnetBlocks, "residual blocks in the encoder and in the decoder, next to the codes")
	c.Flags().IntVar(&model.Hidden, "hidden", model.Hidden, "channels of the convolutions")
	c.Flags().BoolVar(&model.StraightThrough, "straight-through", model.StraightThrough, "straight-through Gumbel-softmax: decode hard samples, with the gradient of soft ones")
	c.Flags().BoolVar(&model.ReinMax, "reinmax", model.ReinMax, "second-order gradient for --straight-through (ReinMax)")
	c.Flags().BoolVar(&model.SmoothL1, "smooth-l1", model.SmoothL1, "smooth L1 instead of squared error")
	c.Flags().Float64Var(&model.KLWeight, "kl-weight", model.KLWeight, "weight of KL(codes ‖ uniform), in nats per position")
	c.Flags().BoolVar(&model.Checkpoint, "checkpoint", model.Checkpoint, "activation checkpointing: less memory, more time")
	c.Flags().BoolVar(&model.KLSum, "kl-sum", model.KLSum, "sum the KL term over pictures and positions instead of averaging")
	c.Flags().Float64Var(&how.Annealing.Start, "temperature", how.Annealing.Start, "initial temperature of the Gumbel-softmax")
	c.Flags().Float64Var(&how.Annealing.Floor, "temperature-floor", how.Annealing.Floor, "final temperature")
	c.Flags().IntVar(&how.Annealing.Steps, "anneal-steps", 0, "steps of the annealing from --temperature to --temperature-floor; 0 keeps the temperature (default: all steps of the training)")
	c.Flags().IntVar(&how.Revive, "revive", how.Revive, "steps after which unused codes are revived: each is split off from a used one (0: never)")
	c.RunE = func(c *cobra.Command, _ []string) error {
		model.Temperature = how.Annealing.Start
		if err := checkCrops(c); err != nil {
			return err
		}
		if !(description.Share >= 0 && description.Share < 1) {
			return usagef("--hold-out %v: is out of range; choose 0 to less than 1", description.Share)
		}
		if how.Revive < 0 || how.Revive > math.MaxInt32 {
			return usagef("--revive %d: must be 0 to %d", how.Revive, math.MaxInt32)
		}
		if model.KLSum && model.KLWeight == 0 && !f.resume {
			return usagef("--kl-sum: has no effect with --kl-weight 0; leave it out, or give a weight")
		}
		if c.Flags().Changed("temperature-floor") && c.Flags().Changed("anneal-steps") && how.Annealing.Steps == 0 {
			return usagef("--temperature-floor %v: has no effect with --anneal-steps 0, which keeps the temperature; leave out one of them", how.Annealing.Floor)
		}
		if !c.Flags().Changed("anneal-steps") {
			how.Annealing.Steps = 1 // until the length of the training is known
		}
		for _, err := range []error{description.Augment.Validate(), model.Validate(), how.Annealing.Validate()} {
			if err != nil {
				return invalid(err)
			}
		}
		if err := checkGrowFlag(c, description.Grow, description.Augment); err != nil {
			return err
		}
		if f.data.path == "" && !f.resume {
			return usagef("--data is missing: name the pictures' folder or file, or birds:1:2000")
		}
		r, d, err := f.open(c, true)
		if err != nil {
			return err
		}
		if f.resume {
			if err := keepModel(c, "image-size", "channels", "codes", "codebook-dim", "layers", "resnet-blocks", "hidden", "straight-through", "reinmax", "smooth-l1",
				"kl-weight", "kl-sum", "checkpoint"); err != nil {
				return err
			}
			if err := f.keepData(c, "temperature", "temperature-floor", "anneal-steps", "revive",
				"split", "part", "labels", "resize", "cutout", "image-columns", "hold-out", "flip", "crop", "colour", growFlag, "balance"); err != nil {
				return err
			}
			if model, err = models.DVAE.Config(f.run); err != nil {
				return err
			}
		}
		if f.resume && !f.fresh {
			if err := r.Data(&description); err != nil {
				return err
			}
			if err := r.Options(f.kind.Name, &how); err != nil {
				return err
			}
			f.data.like(description)
			f.data.split = cmp.Or(description.Split, f.data.split)
		}
		f.data.channels = model.Channels
		settings, err := f.settings(c)
		if err != nil {
			return err
		}
		training, heldOut, err := f.pictures(c, model.ImageSize, description)
		if err != nil {
			return err
		}
		if err := checkBatch(c, settings, training); err != nil {
			return err
		}
		f.data.describe(&description)
		fit(c, &settings, training.Len(), heldOut.Len())
		if (!f.resume || f.fresh) && !c.Flags().Changed("anneal-steps") {
			how.Annealing.Steps = steps(settings, training.Len())
		}
		_, task, err := tasks.DVAE(d, model, how, description, training, heldOut, tasks.Options{Batch: settings.Batch, Seed: settings.Seed})
		if err != nil {
			return err
		}
		f.changesUnder(c)
		return runTask(c, f, task, settings)
	}
	return c
}
