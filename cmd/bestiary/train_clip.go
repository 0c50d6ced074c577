package main

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/clip"
	"github.com/bestiary-ml/bestiary/dvae"
	runfolder "github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/train"
	"github.com/bestiary-ml/bestiary/train/tasks"
	"github.com/spf13/cobra"
)

func newTrainCLIP() *cobra.Command {
	defaults := train.DefaultConfig()
	defaults.Steps, defaults.Batch, defaults.LearningRate, defaults.Clip = 3000, 64, 5e-4, 1
	defaults.Schedule, defaults.Warmup, defaults.FinalRate, defaults.EMA = "cosine", 100, 0.05, 0.998
	defaults.Optimizer, defaults.WeightDecay, defaults.DecayMatrices = "adamw", 0.05, true
	defaults.EvalEvery, defaults.CheckpointEvery = 250, 500
	model := clip.DefaultConfig()
	text, image := &model.Text, &model.Image
	text.Dim, text.Depth, image.Dim, image.Depth = 128, 2, 192, 4
	model.Latent, model.Dropout = 128, 0.1
	c := &cobra.Command{
		Use:   "clip",
		Short: "Train the CLIP that tells how well a caption fits a picture",
		Long: `Train the contrastive model with which "generate --rank" chooses among pictures and "eval" measures how
well they agree with their captions. Pictures have the size of the run's discrete VAE and captions go
through the run's tokenizer; a run without either is fine, too.

Held-out figures: the loss, ln(batch) for a model that knows nothing, and how often a caption finds
its picture, or has it among the first five, among all held-out ones, beside the rate of chance.`,
		Example: `  bestiary train clip --run runs/birds
  bestiary train clip --run runs/judge --data cub --image-size 64
  bestiary train clip --run runs/birds --resume`,
		Args: noArguments,
	}
	f := addCaptionFlags(c, addTrainFlags(c, "run", "run folder, perhaps with other models (required)", defaults))
	f.least = 2
	c.Flags().IntVar(&model.ImageSize, "image-size", model.ImageSize, fmt.Sprintf("side of the pictures (default: as for the run's dvae, or %d)", model.ImageSize))
	c.Flags().IntVar(&model.Channels, "channels", model.Channels, fmt.Sprintf("3 for RGB, 4 for RGBA (default: as for the run's dvae, or %d)", model.Channels))
	c.Flags().Lookup("image-size").DefValue, c.Flags().Lookup("channels").DefValue = "0", "0" // told with the usage
	c.Flags().IntVar(&model.PatchSize, "patch-size", model.PatchSize, "side of the squares that pictures are cut into")
	c.Flags().IntVar(&model.Latent, "latent", model.Latent, "numbers in an embedding")
	c.Flags().IntVar(&text.Dim, "text-dim", text.Dim, "width of the text transformer")
	c.Flags().IntVar(&text.Depth, "text-depth", text.Depth, "its layers")
	c.Flags().IntVar(&text.Heads, "text-heads", text.Heads, "heads of its attentions")
	c.Flags().IntVar(&text.DimHead, "text-dim-head", text.DimHead, "width of a head")
	c.Flags().IntVar(&image.Dim, "image-dim", image.Dim, "width of the image transformer")
	c.Flags().IntVar(&image.Depth, "image-depth", image.Depth, "its layers")
	c.Flags().IntVar(&image.Heads, "image-heads", image.Heads, "heads of its attentions")
	c.Flags().IntVar(&image.DimHead, "image-dim-head", image.DimHead, "width of a head")
	c.Flags().Float64Var(&model.Dropout, "dropout", model.Dropout, "dropout in both transformers")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := f.check(); err != nil {
			return err
		}
		if f.run == "" {
			return usagef("--run is missing: name the run folder, for example --run runs/birds")
		}
		if f.config.Batch < 2 {
			return usagef("--batch %d: leaves a caption nothing to choose from; use 2 or more", f.config.Batch)
		}
		r, d, err := f.open(c, "clip", true)
		if err != nil {
			return err
		}
		if r == nil { // a new training, though perhaps of a run that is there
			if there, err := runfolder.Open(f.run); err == nil {
				r = there
			}
		}
		if f.resume {
			if err := keepModel(c, append([]string{"image-size", "channels", "patch-size", "latent", "text-dim", "text-depth", "text-heads", "text-dim-head",
				"image-dim", "image-depth", "image-heads", "image-dim-head", "dropout"}, captionKept...)...); err != nil {
				return err
			}
			if err := r.Config("clip", &model); err != nil {
				return err
			}
			f.textLen = model.TextLen
		} else if r != nil && r.HasWeights("dvae") {
			var vae dvae.Config
			if err := r.Config("dvae", &vae); err != nil {
				return err
			}
			if c.Flags().Changed("image-size") && model.ImageSize != vae.ImageSize {
				return usagef("--image-size %d: the run's dvae makes pictures of size %d; leave it out", model.ImageSize, vae.ImageSize)
			}
			if c.Flags().Changed("channels") && model.Channels != vae.Channels {
				return usagef("--channels %d: the run's dvae makes pictures with %d; leave it out", model.Channels, vae.Channels)
			}
			model.ImageSize, model.Channels = vae.ImageSize, vae.Channels
		}
		if err := model.Validate(); err != nil {
			return invalid(err)
		}
		settings, err := f.settings(c, "clip")
		if err != nil {
			return err
		}
		training, heldOut, tokens, err := f.prepare(c, r, "clip", model.ImageSize, model.Channels)
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
		if r == nil {
			if r, err = runfolder.Create(f.run); err != nil {
				return err
			}
		}
		if !r.HasData() {
			task.Data = task.Options.(tasks.CaptionOptions).Data
		}
		result, err := train.Run(c.Context(), r.Dir(), *task, settings, train.Options{Resume: f.resume, Progress: c.ErrOrStderr()})
		return finish(c, r, "clip", result, err)
	}
	return c
}
