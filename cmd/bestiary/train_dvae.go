package main

import (
	"cmp"
	"fmt"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/dvae"
	runfolder "github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/train"
	"github.com/bestiary-ml/bestiary/train/tasks"
	"github.com/spf13/cobra"
)

func newTrainDVAE() *cobra.Command {
	defaults := train.DefaultConfig()
	defaults.Steps, defaults.LearningRate, defaults.Schedule, defaults.Warmup, defaults.EMA = 5000, 1e-3, "cosine", 100, 0.998
	defaults.EvalEvery, defaults.SampleEvery, defaults.CheckpointEvery = 250, 500, 500
	model := dvae.DefaultConfig()
	model.ImageSize, model.Codes, model.CodebookDim, model.Layers = 64, 512, 128, 2
	// Codes are not revived by default: measured on birds, drawn and photographed, revived ones mostly fell out of use again.
	how := tasks.DVAEOptions{Annealing: dvae.Annealing{Start: 1, Floor: 1.0 / 16}}
	c := &cobra.Command{
		Use:   "dvae",
		Short: "Train the discrete VAE that turns pictures into grids of codes and back",
		Long: `Train the discrete variational autoencoder: it turns a picture into a grid of indices into a codebook,
which DALL-E learns to write, and a grid back into a picture. The grid has 1/2^layers of the
picture's side. Beside the loss, the metrics tell how many codes are in use, and their perplexity.`,
		Example: `  bestiary train dvae --data cub --out runs/birds
  bestiary train dvae --data birds:1:2000 --out runs/drawn --steps 1000
  bestiary train dvae --data my-pictures/ --out runs/mine --image-size 128 --layers 3 --codes 1024
  bestiary train dvae --out runs/birds --resume`,
		Args: noArguments,
	}
	f := addTrainFlags(c, "out", "run folder to make, or to go on with (required)", defaults)
	f.data.addShapeFlags(c)
	f.data.anyLayout(c, false)
	description := data.Description{}
	c.Flags().Float64Var(&description.Share, "hold-out", 0.05, "share of the pictures that is kept aside to watch the training by")
	c.Flags().BoolVar(&description.Augment.Flip, "flip", true, "mirror pictures at random")
	c.Flags().Float64Var(&description.Augment.Crop, "crop", 0.75, "cut out squares at random, of at least this share of the area (1: none)")
	c.Flags().Float64Var(&description.Augment.Colour, "colour", 0, "change contrast, brightness and saturation at random by up to this much")
	c.Flags().BoolVar(&description.Balance, "balance", false, "show every class equally often, however many pictures it has")
	c.Flags().IntVar(&model.ImageSize, "image-size", model.ImageSize, "side of the pictures, a multiple of 2^layers")
	c.Flags().IntVar(&model.Channels, "channels", model.Channels, "3 for RGB, 4 for RGBA")
	c.Flags().IntVar(&model.Codes, "codes", model.Codes, "entries of the codebook")
	c.Flags().IntVar(&model.CodebookDim, "codebook-dim", model.CodebookDim, "numbers in an entry")
	c.Flags().IntVar(&model.Layers, "layers", model.Layers, "halvings of the picture, down to the grid")
	c.Flags().IntVar(&model.ResnetBlocks, "resnet-blocks", model.ResnetBlocks, "residual blocks between the halvings and the codes, on either side")
	c.Flags().IntVar(&model.Hidden, "hidden", model.Hidden, "channels of the convolutions")
	c.Flags().BoolVar(&model.StraightThrough, "straight-through", model.StraightThrough, "decode hard samples of the codes in training, with the gradient of soft ones")
	c.Flags().BoolVar(&model.ReinMax, "reinmax", model.ReinMax, "a better gradient for --straight-through")
	c.Flags().BoolVar(&model.SmoothL1, "smooth-l1", model.SmoothL1, "smooth L1 instead of squared error")
	c.Flags().Float64Var(&model.KLWeight, "kl-weight", model.KLWeight, "weight of KL(codes ‖ uniform), in nats a position")
	c.Flags().BoolVar(&model.Checkpoint, "checkpoint", model.Checkpoint, "compute encoder and decoder again in the backward pass: less memory, more time")
	c.Flags().BoolVar(&model.KLSum, "kl-sum", model.KLSum, "sum that over pictures and positions instead of averaging")
	c.Flags().Float64Var(&how.Annealing.Start, "temperature", how.Annealing.Start, "of the Gumbel-softmax, at first")
	c.Flags().Float64Var(&how.Annealing.Floor, "temperature-floor", how.Annealing.Floor, "where the temperature falls to")
	c.Flags().IntVar(&how.Annealing.Steps, "anneal-steps", 0, "steps that it takes to fall; 0 keeps it (default: all steps of the training)")
	c.Flags().IntVar(&how.Revive, "revive", how.Revive, "steps after which codes that no picture had are split off from others, a few at a time; 0 for never")
	c.RunE = func(c *cobra.Command, _ []string) error {
		model.Temperature = how.Annealing.Start
		if !(description.Share >= 0 && description.Share < 1) {
			return usagef("--hold-out %v: is out of range; choose 0 to less than 1", description.Share)
		}
		if how.Revive < 0 {
			return usagef("--revive %d: is out of range; choose 0 or more", how.Revive)
		}
		if model.KLSum && model.KLWeight == 0 && !f.resume {
			return usagef("--kl-sum: has nothing to sum where --kl-weight is 0; leave it out, or give a weight")
		}
		if c.Flags().Changed("temperature-floor") && c.Flags().Changed("anneal-steps") && how.Annealing.Steps == 0 {
			return usagef("--temperature-floor %v: isn't reached with --anneal-steps 0, which keeps the temperature; leave out one of them", how.Annealing.Floor)
		}
		if !c.Flags().Changed("anneal-steps") {
			how.Annealing.Steps = 1 // until the length of the training is known
		}
		for _, err := range []error{description.Augment.Validate(), model.Validate(), how.Annealing.Validate()} {
			if err != nil {
				return invalid(err)
			}
		}
		if f.data.path == "" && !f.resume {
			return usagef("--data is missing: name the pictures' folder or file, or birds:1:2000")
		}
		r, d, err := f.open(c, "dvae", true)
		if err != nil {
			return err
		}
		if f.resume {
			if err := keepModel(c, "image-size", "channels", "codes", "codebook-dim", "layers", "resnet-blocks", "hidden", "straight-through", "reinmax", "smooth-l1",
				"kl-weight", "kl-sum", "checkpoint", "temperature", "temperature-floor", "anneal-steps", "revive",
				"split", "labels", "resize", "image-columns", "hold-out", "flip", "crop", "colour", "balance"); err != nil {
				return err
			}
			if err := r.Data(&description); err != nil {
				return err
			}
			if err := r.Config("dvae", &model); err != nil {
				return err
			}
			if err := r.Options("dvae", &how); err != nil {
				return err
			}
			f.data.like(description)
			f.data.split = cmp.Or(description.Split, f.data.split)
		}
		f.data.channels = model.Channels
		settings, err := f.settings(c, "dvae")
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
		if !f.resume && !c.Flags().Changed("anneal-steps") {
			how.Annealing.Steps = steps(settings, training.Len())
		}
		_, task, err := tasks.DVAE(d, model, how, description, training, heldOut, tasks.Options{Batch: settings.Batch, Seed: settings.Seed})
		if err != nil {
			return err
		}
		if !f.resume {
			if r, err = runfolder.Create(f.run); err != nil {
				return err
			}
		}
		if r.HasWeights("dalle") {
			fmt.Fprintf(c.ErrOrStderr(), "the run's DALL-E knows the codes as they are now; once the discrete VAE has changed, delete %s and %s and train it again\n",
				r.WeightsPath("dalle"), r.StatePath("dalle"))
		}
		result, err := train.Run(c.Context(), r.Dir(), *task, settings, train.Options{Resume: f.resume, Progress: c.ErrOrStderr()})
		return finish(c, r, "dvae", result, err)
	}
	return c
}
