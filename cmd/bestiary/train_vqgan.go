package main

import (
	runfolder "github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/train/tasks"
	"github.com/bestiary-ml/bestiary/vqgan"
	"github.com/spf13/cobra"
)

func newTrainVQGAN() *cobra.Command {
	defaults := tasks.DefaultVQGAN(vqgan.VQ)
	model, how := defaults.Model, tasks.DefaultVQGANOptions(vqgan.VQ, 0)
	c := &cobra.Command{
		Use:   models.VQGAN.Name,
		Short: "Train the VQGAN that turns pictures into grids of codes and back, sharper than the discrete VAE",
		Long: `Train the autoencoder of VQGAN: it turns a picture into a grid of codes, 16x16 of 1024 for 64 pixels, and
back. DALL-E learns to generate the codes. The loss is that of "bestiary train kl", with a discriminator
that brings back textures. --bottleneck says where the codes come from:

  vq      the nearest entry of a codebook. Entries follow the means of their latents (--ema-decay) or learn
          by gradients (--ema-decay 0); with --cosine, directions are compared. Codes that no picture uses
          are moved to latents of pictures (--revive)
  gumbel  codes are drawn from probabilities by the Gumbel-softmax, at a falling temperature
  fsq     finite scalar quantisation: each channel of a latent is rounded to one of a few --levels

Beside the loss, the metrics report its parts, the codes in use and their perplexity. A VQGAN that
taming-transformers and DALLE-pytorch read ("bestiary export") takes --patch 1 --groups 32 --blur=false
--cosine=false, and for a DALL-E --image-size 256.`,
		Example: `  bestiary train vqgan --data cub --out runs/birds
  bestiary train vqgan --data birds:1:2000 --out runs/drawn --bottleneck fsq --levels 8,5,5,5
  bestiary train vqgan --data my-pictures/ --out runs/mine --image-size 128 --multipliers 1,2,4 --codes 4096
  bestiary train vqgan --out runs/birds --resume`,
		Args: noArguments,
	}
	f := addLatentsFlags(c, models.VQGAN.Info, defaults, &model)
	f.saved = func(r *runfolder.Run) (tasks.LatentsOptions, error) {
		how = tasks.VQGANOptions{}
		err := r.Options(f.kind.Name, &how)
		return how.LatentsOptions, err
	}
	fs := c.Flags()
	fs.StringVar(&model.Bottleneck, "bottleneck", model.Bottleneck, "where the codes come from: vq, gumbel or fsq")
	fs.IntVar(&model.Codes, "codes", model.Codes, "entries of the codebook of vq or gumbel")
	fs.Float64Var(&model.Commitment, "commitment", model.Commitment, "of vq: weight of the distance of latents to their entries")
	fs.BoolVar(&model.Legacy, "legacy", model.Legacy, "of vq: --commitment weighs the distance of the entries instead, as taming-transformers has it")
	fs.Float64Var(&model.EMADecay, "ema-decay", model.EMADecay, "of vq: decay of the moving averages that entries are (0: entries learn by gradients)")
	fs.BoolVar(&model.Cosine, "cosine", model.Cosine, "of vq: latents and entries have length 1")
	fs.Float64Var(&model.KLWeight, "kl-weight", model.KLWeight, "of gumbel: weight of KL(codes ‖ uniform), in nats per code (default 0.0005)")
	fs.IntSliceVar(&model.Levels, "levels", model.Levels, "of fsq: levels of each channel; their number is --embed, their product the number of codes (default 8,5,5,5)")
	fs.Float64Var(&how.Annealing.Start, "temperature", how.Annealing.Start, "of gumbel: initial temperature (default 1)")
	fs.Float64Var(&how.Annealing.Floor, "temperature-floor", how.Annealing.Floor, "of gumbel: final temperature (default 0.0625)")
	fs.IntVar(&how.Annealing.Steps, "anneal-steps", 0, "of gumbel: steps from --temperature to --temperature-floor; 0 keeps the temperature (default: all steps of the training)")
	fs.IntVar(&how.Revive, "revive", how.Revive, "of vq: steps after which unused codes are moved to latents of pictures (0: never)")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if !f.resume {
			fitBottleneck(c, &model, &how)
			if err := how.ValidateFor(model.Bottleneck); err != nil {
				return invalid(err)
			}
		}
		l, err := f.prepare(c, &model, models.VQGAN.Config, "bottleneck", "codes", "commitment", "legacy", "ema-decay", "cosine", "kl-weight", "levels")
		if err != nil {
			return err
		}
		if f.resume {
			if err := f.keepData(c, "temperature", "temperature-floor", "anneal-steps", "revive"); err != nil {
				return err
			}
		}
		if f.fresh { // the model is that of the run, the rest of the flags
			kept := model
			fitBottleneck(c, &model, &how)
			model = kept
		}
		if (!f.resume || f.fresh) && model.Bottleneck == vqgan.Gumbel && !c.Flags().Changed("anneal-steps") {
			how.Annealing.Steps = steps(l.settings, l.training.Len())
		}
		how.LatentsOptions = l.how
		_, task, err := tasks.VQGAN(l.device, model, how, l.perceptual, l.description, l.training, l.heldOut, l.options)
		if err != nil {
			return err
		}
		f.changesUnder(c)
		return runTask(c, f.trainFlags, task, l.settings)
	}
	return c
}

// fitBottleneck sets what was not given to the defaults of the bottleneck.
func fitBottleneck(c *cobra.Command, model *vqgan.Config, how *tasks.VQGANOptions) {
	m, o := tasks.DefaultVQGAN(model.Bottleneck).Model, tasks.DefaultVQGANOptions(model.Bottleneck, 0)
	if c.Flags().Changed("levels") {
		m.Embed = len(model.Levels)
	}
	for flag, set := range map[string]func(){
		"codes": func() { model.Codes = m.Codes }, "commitment": func() { model.Commitment = m.Commitment },
		"ema-decay": func() { model.EMADecay = m.EMADecay }, "cosine": func() { model.Cosine = m.Cosine },
		"kl-weight": func() { model.KLWeight = m.KLWeight }, "levels": func() { model.Levels = m.Levels },
		"embed": func() { model.Embed = m.Embed }, "revive": func() { how.Revive = o.Revive },
		"temperature":       func() { how.Annealing.Start = o.Annealing.Start },
		"temperature-floor": func() { how.Annealing.Floor = o.Annealing.Floor },
	} {
		if !c.Flags().Changed(flag) {
			set()
		}
	}
}
