package main

import (
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/rectified"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/train/tasks"
	"github.com/bestiary-ml/bestiary/vqgan"
	"github.com/spf13/cobra"
)

func newTrainRectified() *cobra.Command {
	defaults := tasks.DefaultRectified()
	model := defaults.Model
	c := &cobra.Command{
		Use:   models.Rectified.Name,
		Short: "Train the rectified flow that draws latents of pictures for captions",
		Long: `Train the rectified flow from noise to the latents of pictures, conditioned on their captions (Liu et
al., 2023; Lipman et al., 2023): a transformer with adaLN-Zero over the caption and the latent. The
run's autoencoder (bestiary train kl) makes the latents. The pictures are those that it was trained on,
unless --data names others. Each epoch shows every picture with one of its captions, chosen at random.
A caption may be the name of a class.

The run folder keeps the tokenizer. The loss is the mean square error of the velocity; a model that
predicts nothing has about 2.`,
		Example: `  bestiary train rectified --run runs/birds
  bestiary train rectified --run runs/birds --data cub --depth 12 --dim 384 --heads 6
  bestiary train rectified --run runs/birds --resume`,
		Args: noArguments,
	}
	f := addCaptionFlags(c, addTrainFlags(c, models.Rectified.Info, "run", "run folder with a trained kl (required)", defaults.Training), defaults.Data)
	c.Flags().IntVar(&model.Dim, "dim", model.Dim, "width of the transformer")
	c.Flags().IntVar(&model.Depth, "depth", model.Depth, "blocks")
	c.Flags().IntVar(&model.Heads, "heads", model.Heads, "attention heads, which divide --dim")
	c.Flags().IntVar(&model.FFMult, "ff-mult", model.FFMult, "width of the feed-forward layers, in multiples of --dim")
	c.Flags().IntVar(&model.Patch, "patch", model.Patch, "side of the square of latent cells that make a token")
	c.Flags().Float64Var(&model.TimeMean, "time-mean", model.TimeMean, "mean of the logits of the times of training; above 0 more of them are close to noise")
	c.Flags().Float64Var(&model.TimeStd, "time-std", model.TimeStd, "standard deviation of the logits of the times of training")
	c.Flags().Float64Var(&model.NullProb, "null-prob", model.NullProb, "share of captions that are dropped in training, for classifier-free guidance (generate --guidance)")
	c.Flags().IntVar(&f.how.Views, "views", tasks.DefaultViews, "random views of each picture, see --flip and --crop, that are encoded beforehand beside the picture itself (0: encode each batch anew, which takes longer)")
	kept := []string{"dim", "depth", "heads", "ff-mult", "patch", "time-mean", "time-std", "null-prob", "views"}
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := f.check(c); err != nil {
			return err
		}
		if err := sample.CheckViews(f.how.Views); err != nil {
			return invalid(err)
		}
		if f.how.Data.Grow && f.how.Views > 0 {
			return usagef("--%s: can't be combined with --views %d, which are encoded before the training; give --views 0, which encodes each batch anew", growFlag, f.how.Views)
		}
		early := model // the autoencoder decides the latent, which Patch must divide
		early.Height, early.Width = early.Patch, early.Patch
		if err := early.Validate(); err != nil {
			return invalid(err)
		}
		return captioned[rectified.Config, *vqgan.Model, *rectified.Model]{
			codec: models.KL.Load, config: models.Rectified.Config, textLen: func(c rectified.Config) int { return c.TextLen },
			fit: func(c *rectified.Config, vocabulary, textLen int, kl *vqgan.Model) {
				tasks.FitRectified(c, vocabulary, textLen, kl.Config())
			}, task: tasks.Rectified,
		}.run(c, f, model, kept)
	}
	return c
}
