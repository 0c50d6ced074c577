package main

import (
	"slices"

	"github.com/bestiary-ml/bestiary/dalle"
	"github.com/bestiary-ml/bestiary/dvae"
	runfolder "github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/nn/transformer"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/train"
	"github.com/bestiary-ml/bestiary/train/tasks"
	"github.com/spf13/cobra"
)

func newTrainDALLE() *cobra.Command {
	defaults := train.DefaultConfig()
	defaults.Steps, defaults.Batch, defaults.LearningRate, defaults.Clip = 6000, 16, 5e-4, 1
	defaults.Schedule, defaults.Warmup, defaults.FinalRate, defaults.EMA = "cosine", 200, 0.05, 0.998
	defaults.Optimizer, defaults.WeightDecay, defaults.DecayMatrices = "adamw", 0.01, true
	defaults.EvalEvery, defaults.SampleEvery, defaults.CheckpointEvery = 250, 1000, 500
	model := dalle.DefaultConfig()
	model.NullProb = 0.1
	t := &model.Transformer
	t.Dim, t.Depth, t.Reversible = 256, 6, false
	c := &cobra.Command{
		Use:   "dalle",
		Short: "Train the DALL-E that continues captions with codes of pictures",
		Long: `Train the transformer that learns captions and codes of their pictures as one sequence. The codes are
those of the run's discrete VAE, the pictures those that it was trained on, unless --data names
others. Each step shows every picture of its batch with one of its captions, another one each epoch.

The tokenizer is kept in the run folder. Losses are in nats: text_loss for a token of a caption,
padding included, image_loss for a code.`,
		Example: `  bestiary train dalle --run runs/birds
  bestiary train dalle --run runs/birds --data cub --tokenizer bpe_simple_vocab_16e6.txt.gz
  bestiary train dalle --run runs/birds --depth 8 --attention full,axial_row,axial_col,conv_like --reversible
  bestiary train dalle --run runs/birds --resume`,
		Args: noArguments,
	}
	f := addCaptionFlags(c, addTrainFlags(c, "run", "run folder with a trained dvae (required)", defaults))
	var attention []string
	c.Flags().IntVar(&t.Dim, "dim", t.Dim, "width of the transformer")
	c.Flags().IntVar(&t.Depth, "depth", t.Depth, "layers")
	c.Flags().IntVar(&t.Heads, "heads", t.Heads, "heads of an attention")
	c.Flags().IntVar(&t.DimHead, "dim-head", t.DimHead, "width of a head")
	c.Flags().IntVar(&t.FFMult, "ff-mult", t.FFMult, "width of the feed-forward layers, in multiples of --dim")
	c.Flags().StringSliceVar(&attention, "attention", nil, "attention of the layers, in turns: full, axial_row, axial_col, conv_like, sparse (default full)")
	c.Flags().IntVar(&t.ConvKernel, "conv-kernel", t.ConvKernel, "side of the window that conv_like attention sees")
	c.Flags().IntVar(&t.ConvDilation, "conv-dilation", t.ConvDilation, "distance between the codes that conv_like attention sees")
	c.Flags().Float64Var(&t.AttnDropout, "attn-dropout", t.AttnDropout, "dropout behind the attentions")
	c.Flags().Float64Var(&t.FFDropout, "ff-dropout", t.FFDropout, "dropout in the feed-forward layers")
	c.Flags().BoolVar(&t.Rotary, "rotary", t.Rotary, "rotary embedding of positions instead of learned ones")
	c.Flags().BoolVar(&t.ShiftTokens, "shift-tokens", t.ShiftTokens, "let each position see features of the one before it and, in pictures, above it")
	c.Flags().BoolVar(&t.SandwichNorm, "sandwich-norm", t.SandwichNorm, "a norm behind each branch, too")
	c.Flags().BoolVar(&model.Stable, "stable", model.Stable, "softer gradients of the embeddings and rescaled outputs, for deep models")
	c.Flags().BoolVar(&t.Reversible, "reversible", t.Reversible, "reversible layers: less memory, more time")
	c.Flags().IntVar(&t.KeepMB, "keep-mb", t.KeepMB, "memory for activations that reversible layers needn't compute again")
	c.Flags().BoolVar(&t.Checkpoint, "checkpoint", t.Checkpoint, "compute layers again in the backward pass: less memory, more time")
	c.Flags().IntSliceVar(&t.SharedAttn, "shared-attn", nil, "a number a layer: attentions with equal ones share their weights")
	c.Flags().IntSliceVar(&t.SharedFF, "shared-ff", nil, "likewise, of the feed-forward layers")
	c.Flags().BoolVar(&model.ShareEmbeddings, "share-embeddings", model.ShareEmbeddings, "share the embeddings of tokens and codes with the output layers")
	c.Flags().Float64Var(&model.ImageLossWeight, "image-loss-weight", model.ImageLossWeight, "weight of the codes' loss, where that of the text is 1")
	c.Flags().Float64Var(&model.NullProb, "null-prob", model.NullProb, "share of captions that are left out in training, which generate --guidance needs")
	kept := append([]string{"dim", "depth", "heads", "dim-head", "ff-mult", "attention", "conv-kernel", "conv-dilation", "attn-dropout", "ff-dropout", "rotary", "shift-tokens", "sandwich-norm",
		"stable", "reversible", "keep-mb", "checkpoint", "shared-attn", "shared-ff", "share-embeddings", "image-loss-weight", "null-prob"}, captionKept...)
	c.RunE = func(c *cobra.Command, _ []string) error {
		for _, pattern := range attention {
			t.Attention = append(t.Attention, transformer.Pattern(pattern))
		}
		if err := f.check(); err != nil {
			return err
		}
		for _, name := range []string{"conv-kernel", "conv-dilation"} {
			if c.Flags().Changed(name) && !f.resume && !slices.Contains(t.Attention, transformer.ConvLike) {
				return usagef("--%s: belongs to conv_like attention, which no layer has; leave it out, or name conv_like in --attention", name)
			}
		}
		if err := model.Validate(); err != nil { // sizes that the data decides are the default's so far
			return invalid(err)
		}
		r, d, err := f.open(c, "dalle", false)
		if err != nil {
			return err
		}
		vae, err := openVAE(r, d)
		if err != nil {
			return err
		}
		codes := vae.Config()
		if f.resume {
			if err := keepModel(c, kept...); err != nil {
				return err
			}
			if err := r.Config("dalle", &model); err != nil {
				return err
			}
			f.textLen = model.TextLen
		}
		settings, err := f.settings(c, "dalle")
		if err != nil {
			return err
		}
		training, heldOut, tokens, err := f.prepare(c, r, "dalle", codes.ImageSize, codes.Channels)
		if err != nil {
			return err
		}
		if !f.resume {
			model.TextTokens, model.TextLen = tokens.VocabSize(), f.textLen
			model.ImageCodes, model.Height, model.Width = codes.Codes, codes.Grid(), codes.Grid()
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
		_, task, err := tasks.DALLE(c.Context(), d, model, vae, tokens, f.how, training, heldOut, o)
		bar.finish()
		if err != nil {
			return err
		}
		if !r.HasData() {
			task.Data = task.Options.(tasks.CaptionOptions).Data
		}
		result, err := train.Run(c.Context(), r.Dir(), *task, settings, train.Options{Resume: f.resume, Progress: c.ErrOrStderr()})
		return finish(c, r, "dalle", result, err)
	}
	return c
}

// openVAE loads the run's discrete VAE.
func openVAE(r *runfolder.Run, d *tensor.Device) (*dvae.VAE, error) {
	var c dvae.Config
	if err := r.Config("dvae", &c); err != nil {
		return nil, err
	}
	vae, err := dvae.New(d, c, tensor.NewGenerator(0))
	if err != nil {
		return nil, err
	}
	_, err = r.LoadWeights("dvae", vae)
	return vae, err
}
