package main

import (
	"slices"

	"github.com/bestiary-ml/bestiary/dalle"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/nn/transformer"
	"github.com/bestiary-ml/bestiary/train/tasks"
	"github.com/spf13/cobra"
)

func newTrainDALLE() *cobra.Command {
	defaults := tasks.DefaultDALLE()
	model := defaults.Model
	t := &model.Transformer
	c := &cobra.Command{
		Use:   models.DALLE.Name,
		Short: "Train the DALL-E that continues captions with codes of pictures",
		Long: `Train the transformer that learns a caption and the codes of its picture as one sequence. The run's
dvae or vqgan, or OpenAI's VAE, makes the codes. The pictures are those that it was trained on, unless
--data names others. Each epoch shows every picture with one of its captions, chosen at random.

The run folder keeps the tokenizer. Losses are in nats: text_loss per token of a caption, padding
included, image_loss per code.`,
		Example: `  bestiary train dalle --run runs/birds
  bestiary train dalle --run runs/birds --data cub --tokenizer bpe_simple_vocab_16e6.txt.gz
  bestiary train dalle --run runs/birds --depth 8 --attention full,axial_row,axial_col,conv_like --reversible
  bestiary train dalle --run runs/birds --resume`,
		Args: noArguments,
	}
	f := addCaptionFlags(c, addTrainFlags(c, models.DALLE.Info, "run", "run folder with a trained dvae or vqgan (required)", defaults.Training), defaults.Data)
	var attention []string
	c.Flags().IntVar(&t.Dim, "dim", t.Dim, "width of the transformer")
	c.Flags().IntVar(&t.Depth, "depth", t.Depth, "layers")
	c.Flags().IntVar(&t.Heads, "heads", t.Heads, "attention heads")
	c.Flags().IntVar(&t.DimHead, "dim-head", t.DimHead, "width of a head")
	c.Flags().IntVar(&t.FFMult, "ff-mult", t.FFMult, "width of the feed-forward layers, in multiples of --dim")
	c.Flags().StringSliceVar(&attention, "attention", nil, "attention patterns, which the layers use in turn: full, axial_row, axial_col, conv_like, sparse (default full)")
	c.Flags().IntVar(&t.ConvKernel, "conv-kernel", t.ConvKernel, "side of the window of conv_like attention")
	c.Flags().IntVar(&t.ConvDilation, "conv-dilation", t.ConvDilation, "dilation of conv_like attention")
	c.Flags().Float64Var(&t.AttnDropout, "attn-dropout", t.AttnDropout, "dropout after attention")
	c.Flags().Float64Var(&t.FFDropout, "ff-dropout", t.FFDropout, "dropout in the feed-forward layers")
	c.Flags().BoolVar(&t.Rotary, "rotary", t.Rotary, "rotary embedding instead of learned positions")
	c.Flags().BoolVar(&t.ShiftTokens, "shift-tokens", t.ShiftTokens, "token shift: each position also sees features of the previous one and, in pictures, of the one above")
	c.Flags().BoolVar(&t.SandwichNorm, "sandwich-norm", t.SandwichNorm, "layer norm also after each residual branch")
	c.Flags().BoolVar(&model.Stable, "stable", model.Stable, "scaled gradients of the embeddings and rescaled outputs, for deep models")
	c.Flags().BoolVar(&t.Reversible, "reversible", t.Reversible, "reversible residual blocks: less memory, more time")
	c.Flags().IntVar(&t.KeepMB, "keep-mb", t.KeepMB, "memory in MB for activations that reversible blocks keep instead of recomputing")
	c.Flags().BoolVar(&t.Checkpoint, "checkpoint", t.Checkpoint, "activation checkpointing of the layers: less memory, more time")
	c.Flags().IntSliceVar(&t.SharedAttn, "shared-attn", nil, "one number per layer: attention layers with equal numbers share their weights")
	c.Flags().IntSliceVar(&t.SharedFF, "shared-ff", nil, "one number per layer: feed-forward layers with equal numbers share their weights")
	c.Flags().BoolVar(&model.ShareEmbeddings, "share-embeddings", model.ShareEmbeddings, "share the embeddings of tokens and codes with the output layers")
	c.Flags().Float64Var(&model.ImageLossWeight, "image-loss-weight", model.ImageLossWeight, "weight of the loss of the codes; that of the text has weight 1")
	c.Flags().Float64Var(&model.NullProb, "null-prob", model.NullProb, "share of captions that are dropped in training, for classifier-free guidance (generate --guidance)")
	kept := []string{"dim", "depth", "heads", "dim-head", "ff-mult", "attention", "conv-kernel", "conv-dilation", "attn-dropout", "ff-dropout", "rotary", "shift-tokens", "sandwich-norm",
		"stable", "reversible", "keep-mb", "checkpoint", "shared-attn", "shared-ff", "share-embeddings", "image-loss-weight", "null-prob"}
	c.RunE = func(c *cobra.Command, _ []string) error {
		for _, pattern := range attention {
			t.Attention = append(t.Attention, transformer.Pattern(pattern))
		}
		if err := f.check(c); err != nil {
			return err
		}
		for _, name := range []string{"conv-kernel", "conv-dilation"} {
			if c.Flags().Changed(name) && !f.resume && !slices.Contains(t.Attention, transformer.ConvLike) {
				return usagef("--%s: belongs to conv_like attention, which no layer has; leave it out, or name conv_like in --attention", name)
			}
		}
		if err := model.Validate(); err != nil { // sizes that the data decides still have their defaults
			return invalid(err)
		}
		return captioned[dalle.Config, models.Codec, *dalle.DALLE]{
			codec: models.LoadCodec, config: models.DALLE.Config, textLen: func(c dalle.Config) int { return c.TextLen },
			fit: tasks.FitDALLE, task: tasks.DALLE,
		}.run(c, f, model, kept)
	}
	return c
}
