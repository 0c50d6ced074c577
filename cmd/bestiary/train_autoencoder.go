package main

import (
	"cmp"

	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/train/tasks"
	"github.com/spf13/cobra"
)

func newTrainAutoencoder() *cobra.Command {
	defaults := tasks.DefaultAutoencoder()
	model, description := defaults.Model, defaults.Data
	c := &cobra.Command{
		Use:   models.Autoencoder.Name,
		Short: "Train the autoencoder that turns pictures into embeddings and back",
		Example: `  bestiary train autoencoder --data oxford-pets --out runs/pets
  bestiary train autoencoder --data my-pictures/ --out runs/mine --image-size 128 --steps 10000
  bestiary train autoencoder --out runs/pets --resume`,
		Args: noArguments,
	}
	f := addTrainFlags(c, models.Autoencoder.Info, "out", "run folder to make or to resume (required)", defaults.Training)
	f.least = 2
	f.data.addShapeFlags(c)
	augment := &description.Augment
	c.Flags().Float64Var(&description.Share, "hold-out", description.Share, "share of the pictures that is held out to evaluate the training")
	c.Flags().BoolVar(&augment.Flip, "flip", augment.Flip, "mirror pictures at random")
	c.Flags().Float64Var(&augment.Zoom, "zoom", augment.Zoom, "random crops of at least this share of the side (1: none)")
	c.Flags().Float64Var(&augment.Colour, "colour", augment.Colour, "random changes of contrast, brightness and saturation of up to this much")
	addGrowFlag(c, &description.Grow)
	c.Flags().BoolVar(&description.Balance, "balance", description.Balance, "show every class equally often, however many pictures it has")
	c.Flags().IntVar(&model.ImageSize, "image-size", model.ImageSize, "side of the pictures: a multiple of 32, up to 256")
	c.Flags().IntSliceVar(&model.Channels, "channels", model.Channels, "channels of the picture and after each of the five stride-2 convolutions")
	c.Flags().IntVar(&model.Hidden, "hidden", model.Hidden, "width of the layer between the convolutions and the embedding")
	c.Flags().IntVar(&model.Embedding, "embedding", model.Embedding, "numbers in an embedding")
	c.Flags().Float64Var(&model.Dropout, "dropout", model.Dropout, "dropout before and after the embedding")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := checkCrops(c); err != nil {
			return err
		}
		if !(description.Share >= 0 && description.Share < 1) {
			return usagef("--hold-out %v: is out of range; choose 0 to less than 1", description.Share)
		}
		if err := description.Augment.Validate(); err != nil {
			return invalid(err)
		}
		if err := checkGrowFlag(c, description.Grow, description.Augment); err != nil {
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
		r, d, err := f.open(c, true)
		if err != nil {
			return err
		}
		if f.resume {
			if err := keepModel(c, "image-size", "channels", "hidden", "embedding", "dropout"); err != nil {
				return err
			}
			if err := f.keepData(c, "split", "part", "labels", "resize", "cutout", "hold-out", "flip", "zoom", "colour", growFlag, "balance"); err != nil {
				return err
			}
			if !f.fresh {
				if err := r.Data(&description); err != nil {
					return err
				}
				f.data.like(description)
				f.data.split = cmp.Or(description.Split, f.data.split)
			}
			if model, err = models.Autoencoder.Config(f.run); err != nil {
				return err
			}
		}
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
		o := tasks.Options{Batch: settings.Batch, Seed: settings.Seed}
		_, task, err := tasks.Autoencoder(d, model, description, training, heldOut, o)
		if err != nil {
			return err
		}
		f.changesUnder(c)
		return runTask(c, f, task, settings)
	}
	return c
}
