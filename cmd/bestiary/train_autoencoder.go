package main

import (
	"cmp"
	"fmt"

	"github.com/bestiary-ml/bestiary/autoencoder"
	"github.com/bestiary-ml/bestiary/data"
	runfolder "github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/train"
	"github.com/bestiary-ml/bestiary/train/tasks"
	"github.com/spf13/cobra"
)

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
	f.least = 2
	f.data.addShapeFlags(c)
	description := data.Description{}
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
			return err
		}
		if err := model.Validate(); err != nil {
			return invalid(err)
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
		settings, err := f.settings(c, "autoencoder")
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
		result, err := train.Run(c.Context(), r.Dir(), *task, settings, train.Options{Resume: f.resume, Progress: c.ErrOrStderr()})
		return finish(c, r, "autoencoder", result, err)
	}
	return c
}
