package main

import (
	"github.com/bestiary-ml/bestiary/maskgit"
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
	kept := []string{"dim", "depth", "heads", "dim-head", "ff-mult", "attn-dropout", "ff-dropout", "label-smoothing", "null-prob"}
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := f.check(c); err != nil {
			return err
		}
		if err := model.Validate(); err != nil { // sizes that the data decides still have their defaults
			return invalid(err)
		}
		return captioned[maskgit.Config, models.Codec, *maskgit.Model]{
			codec: models.LoadCodec, config: models.MaskGIT.Config, textLen: func(c maskgit.Config) int { return c.TextLen },
			fit: tasks.FitMaskGIT, task: tasks.MaskGIT,
		}.run(c, f, model, kept)
	}
	return c
}
