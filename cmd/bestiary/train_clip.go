package main

import (
	"fmt"

	runfolder "github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/train/tasks"
	"github.com/spf13/cobra"
)

func newTrainCLIP() *cobra.Command {
	defaults := tasks.DefaultCLIP()
	model := defaults.Model
	text, image := &model.Text, &model.Image
	c := &cobra.Command{
		Use:   models.CLIP.Name,
		Short: "Train the CLIP that scores how well a caption fits a picture",
		Long: `Train the contrastive model that reranks pictures ("generate --rank") and scores how well they agree
with their captions ("eval"). It uses the picture size of the run's discrete VAE and the run's
tokenizer, if the run has them.

Held-out figures: the loss, which is ln(batch) at chance, and how often a caption ranks its picture
first, or among the first five, of all held-out ones, beside the rates at chance.`,
		Example: `  bestiary train clip --run runs/birds
  bestiary train clip --run runs/judge --data cub --image-size 64
  bestiary train clip --run runs/birds --resume`,
		Args: noArguments,
	}
	f := addCaptionFlags(c, addTrainFlags(c, models.CLIP.Info, "run", "run folder, may have other models (required)", defaults.Training), defaults.Data)
	f.least = 2
	c.Flags().IntVar(&model.ImageSize, "image-size", model.ImageSize, fmt.Sprintf("side of the pictures (default: as for the run's dvae, or %d)", model.ImageSize))
	c.Flags().IntVar(&model.Channels, "channels", model.Channels, fmt.Sprintf("3 for RGB, 4 for RGBA (default: as for the run's dvae, or %d)", model.Channels))
	c.Flags().Lookup("image-size").DefValue, c.Flags().Lookup("channels").DefValue = "0", "0" // the usage has them
	c.Flags().IntVar(&model.PatchSize, "patch-size", model.PatchSize, "side of a patch")
	c.Flags().IntVar(&model.Latent, "latent", model.Latent, "dimensions of an embedding")
	c.Flags().IntVar(&text.Dim, "text-dim", text.Dim, "width of the text transformer")
	c.Flags().IntVar(&text.Depth, "text-depth", text.Depth, "layers of the text transformer")
	c.Flags().IntVar(&text.Heads, "text-heads", text.Heads, "attention heads of the text transformer")
	c.Flags().IntVar(&text.DimHead, "text-dim-head", text.DimHead, "width of a head of the text transformer")
	c.Flags().IntVar(&image.Dim, "image-dim", image.Dim, "width of the image transformer")
	c.Flags().IntVar(&image.Depth, "image-depth", image.Depth, "layers of the image transformer")
	c.Flags().IntVar(&image.Heads, "image-heads", image.Heads, "attention heads of the image transformer")
	c.Flags().IntVar(&image.DimHead, "image-dim-head", image.DimHead, "width of a head of the image transformer")
	c.Flags().Float64Var(&model.Dropout, "dropout", model.Dropout, "dropout in both transformers")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := f.check(c); err != nil {
			return err
		}
		if f.run == "" {
			return usagef("--run is missing: name the run folder, for example --run runs/birds")
		}
		if f.config.Batch < 2 {
			return usagef("--batch %d: must be 2 or more: the contrastive loss compares the captions of a batch", f.config.Batch)
		}
		r, d, err := f.open(c, true)
		if err != nil {
			return err
		}
		if r == nil { // a new training, but the run may exist
			if there, err := runfolder.Open(f.run); err == nil {
				r = there
			}
		}
		if f.resume {
			if err := keepModel(c, append([]string{"image-size", "channels", "patch-size", "latent", "text-dim", "text-depth", "text-heads", "text-dim-head",
				"image-dim", "image-depth", "image-heads", "image-dim-head", "dropout"}, captionKept...)...); err != nil {
				return err
			}
			if err := f.keepData(c, captionData...); err != nil {
				return err
			}
			if model, err = models.CLIP.Config(f.run); err != nil {
				return err
			}
			f.textLen = model.TextLen
		} else if codec, err := models.CodecIn(f.run); err == nil {
			config, err := models.Config(f.run, codec)
			if err != nil {
				return err
			}
			made, err := models.Describe(codec, config)
			if err != nil {
				return err
			}
			if c.Flags().Changed("image-size") && model.ImageSize != made.Size {
				return usagef("--image-size %d: the run's %s makes pictures of size %d; leave it out", model.ImageSize, codec, made.Size)
			}
			if c.Flags().Changed("channels") && model.Channels != made.Channels {
				return usagef("--channels %d: the run's %s makes pictures with %d; leave it out", model.Channels, codec, made.Channels)
			}
			model.ImageSize, model.Channels = made.Size, made.Channels
		}
		if err := model.Validate(); err != nil {
			return invalid(err)
		}
		settings, err := f.settings(c)
		if err != nil {
			return err
		}
		training, heldOut, tokens, err := f.prepare(c, r, model.ImageSize, model.Channels)
		if err != nil {
			return err
		}
		if !f.resume {
			model.TextTokens, model.TextLen = tokens.VocabSize(), f.textLen
			if err := model.Validate(); err != nil {
				return invalid(err)
			}
		}
		if err := checkBatch(c, settings, training); err != nil {
			return err
		}
		fit(c, &settings, training.Len(), heldOut.Len())
		_, task, err := tasks.CLIP(d, model, tokens, f.how, training, heldOut, tasks.Options{Batch: settings.Batch, Seed: settings.Seed})
		if err != nil {
			return err
		}
		if r == nil || !r.HasData() {
			task.Data = task.Options.(tasks.CaptionOptions).Data
		}
		return runTask(c, f.trainFlags, task, settings)
	}
	return c
}
