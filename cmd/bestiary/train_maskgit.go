package main

import (
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/train/tasks"
	"github.com/spf13/cobra"
)

func newTrainMaskGIT() *cobra.Command {
	defaults := tasks.DefaultMaskGIT()
	model := defaults.Model
	t := &model.Transformer
	c := &cobra.Command{
		Use:   models.MaskGIT.Name,
		Short: "Train the MaskGIT that draws codes of pictures for captions in a few passes",
		Long: `Train the bidirectional transformer that predicts masked codes of a picture from its caption and the
other codes (MaskGIT; Chang et al., 2022). It generates all codes of a picture in 8 to 16 passes. The
run's discrete VAE or VQGAN makes the codes. The pictures are those that it was trained on, unless --data names
others. Each epoch shows every picture with one of its captions, chosen at random.

The run folder keeps the tokenizer. Losses are in nats per masked code: loss with label smoothing,
image_loss without.`,
		Example: `  bestiary train maskgit --run runs/birds
  bestiary train maskgit --run runs/birds --data cub --depth 8 --dim 384
  bestiary train maskgit --run runs/birds --resume`,
		Args: noArguments,
	}
	f := addCaptionFlags(c, addTrainFlags(c, models.MaskGIT.Info, "run", "run folder with a trained dvae or vqgan (required)", defaults.Training), defaults.Data)
	c.Flags().IntVar(&t.Dim, "dim", t.Dim, "width of the transformer")
	c.Flags().IntVar(&t.Depth, "depth", t.Depth, "layers")
	c.Flags().IntVar(&t.Heads, "heads", t.Heads, "attention heads")
	c.Flags().IntVar(&t.DimHead, "dim-head", t.DimHead, "width of a head")
	c.Flags().IntVar(&t.FFMult, "ff-mult", t.FFMult, "width of the feed-forward layers, in multiples of --dim")
	c.Flags().Float64Var(&t.AttnDropout, "attn-dropout", t.AttnDropout, "dropout after attention")
	c.Flags().Float64Var(&t.FFDropout, "ff-dropout", t.FFDropout, "dropout in the feed-forward layers")
	c.Flags().Float64Var(&model.LabelSmoothing, "label-smoothing", model.LabelSmoothing, "share of the target that is spread over all codes")
	c.Flags().Float64Var(&model.NullProb, "null-prob", model.NullProb, "share of captions that are dropped in training, for classifier-free guidance (generate --guidance)")
	kept := append([]string{"dim", "depth", "heads", "dim-head", "ff-mult", "attn-dropout", "ff-dropout", "label-smoothing", "null-prob"}, captionKept...)
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := f.check(c); err != nil {
			return err
		}
		if err := model.Validate(); err != nil { // sizes that the data decides still have their defaults
			return invalid(err)
		}
		r, d, err := f.open(c, false)
		if err != nil {
			return err
		}
		codec, err := models.LoadCodec(f.run, d)
		if err != nil {
			return err
		}
		if f.resume {
			if err := keepModel(c, kept...); err != nil {
				return err
			}
			if err := f.keepData(c, captionData...); err != nil {
				return err
			}
			if model, err = models.MaskGIT.Config(f.run); err != nil {
				return err
			}
			f.textLen = model.TextLen
		}
		settings, err := f.settings(c)
		if err != nil {
			return err
		}
		training, heldOut, tokens, err := f.prepare(c, r, codec.ImageSize(), codec.Channels())
		if err != nil {
			return err
		}
		if !f.resume {
			tasks.FitMaskGIT(&model, tokens.VocabSize(), f.textLen, codec)
			if err := model.Validate(); err != nil {
				return invalid(err)
			}
		}
		if err := checkBatch(c, settings, training); err != nil {
			return err
		}
		fit(c, &settings, training.Len(), heldOut.Len())
		bar := newBar(c.ErrOrStderr(), "coding pictures")
		o := tasks.Options{Batch: settings.Batch, Seed: settings.Seed, Progress: bar.update}
		_, task, err := tasks.MaskGIT(c.Context(), d, model, codec, tokens, f.how, training, heldOut, o)
		bar.finish()
		if err != nil {
			return err
		}
		if !r.HasData() {
			task.Data = task.Options.(tasks.CaptionOptions).Data
		}
		return runTask(c, f.trainFlags, task, settings)
	}
	return c
}
