package main

import (
	"github.com/bestiary-ml/bestiary/data"
	runfolder "github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/train/tasks"
	"github.com/bestiary-ml/bestiary/vqgan"
	"github.com/spf13/cobra"
)

func newTrainKL() *cobra.Command {
	defaults := tasks.DefaultKL()
	model := defaults.Model
	c := &cobra.Command{
		Use:   models.KL.Name,
		Short: "Train the autoencoder whose small maps of latents flows and diffusion learn",
		Long: `Train the autoencoder of latent diffusion: it turns a picture into a small map of latents, 16x16 of 6
numbers for 64 pixels, and back. The latents have a Gaussian posterior with a small weight of its KL
divergence. The loss is the absolute error, a perceptual loss if --features names what computes the features,
and from --adversarial-start on a discriminator of patches, which brings back textures. A linear path beside
the network begins as the principal component analysis of the pictures; --linear=false leaves it out.

Beside the loss, the metrics report its parts, the weight that balances the discriminator, and the PSNR of
held-out pictures.`,
		Example: `  bestiary train kl --data pets64 --out runs/pets
  bestiary train kl --data pets64 --out runs/pets --features runs/judge --steps 20000
  bestiary train kl --data my-pictures/ --out runs/mine --image-size 128 --multipliers 1,2,4 --embed 16
  bestiary train kl --out runs/pets --resume`,
		Args: noArguments,
	}
	f := addLatentsFlags(c, models.KL.Info, defaults, &model)
	f.saved = func(r *runfolder.Run) (how tasks.LatentsOptions, err error) { return how, r.Options(f.kind.Name, &how) }
	c.Flags().Float64Var(&model.KLWeight, "kl-weight", model.KLWeight, "weight of the KL divergence, in nats per number of a latent")
	c.Flags().BoolVar(&model.Linear, "linear", model.Linear, "a linear path beside the network, which begins as the principal component analysis of the pictures")
	c.Flags().Float64Var(&model.Noise, "noise", model.Noise, "constant standard deviation of the posterior, instead of one that the encoder predicts (0: predicted)")
	c.RunE = func(c *cobra.Command, _ []string) error {
		l, err := f.prepare(c, &model, models.KL.Config, "kl-weight", "noise", "linear")
		if err != nil {
			return err
		}
		_, task, err := tasks.KL(l.device, model, l.how, l.perceptual, l.description, l.training, l.heldOut, l.options)
		if err != nil {
			return err
		}
		f.changesUnder(c)
		return runTask(c, f.trainFlags, task, l.settings)
	}
	return c
}

// latentsFlags are the flags of trainings of autoencoders with maps of latents.
type latentsFlags struct {
	*trainFlags
	description data.Description
	how         tasks.LatentsOptions
	saved       func(r *runfolder.Run) (tasks.LatentsOptions, error) // reads the options of the run that is resumed
}

// Flags that a resumed training can't change: those of the model, and those of its data and losses.
var (
	latentsModel    = []string{"image-size", "channels", "patch", "width", "multipliers", "blocks", "attention-at", "groups", "blur", "z-channels", "embed"}
	latentsTraining = []string{
		"squared", "features", "perceptual", "adversarial", "adversarial-start", "discriminator-width", "discriminator-layers",
		"discriminator-norm", "discriminator-augment", "discriminator-lr", "split", "part", "labels", "resize", "cutout", "image-columns", "hold-out",
		"flip", "zoom", "colour", growFlag, "balance",
	}
)

func addLatentsFlags(c *cobra.Command, kind models.Info, defaults tasks.Defaults[vqgan.Config], model *vqgan.Config) *latentsFlags {
	f := &latentsFlags{description: defaults.Data, how: tasks.DefaultLatentsOptions(defaults.Training.Steps)}
	f.trainFlags = addTrainFlags(c, kind, "out", "run folder to make or to resume (required)", defaults.Training)
	f.data.addShapeFlags(c)
	f.data.anyLayout(c, false)
	fs, augment, loss, judge := c.Flags(), &f.description.Augment, &f.how.Loss, &f.how.Discriminator
	fs.Float64Var(&f.description.Share, "hold-out", f.description.Share, "share of the pictures that is held out to evaluate the training")
	fs.BoolVar(&augment.Flip, "flip", augment.Flip, "mirror pictures at random")
	fs.Float64Var(&augment.Zoom, "zoom", augment.Zoom, "random crops of at least this share of the side (1: none)")
	fs.Float64Var(&augment.Colour, "colour", augment.Colour, "random changes of contrast, brightness and saturation of up to this much")
	addGrowFlag(c, &f.description.Grow)
	fs.BoolVar(&f.description.Balance, "balance", f.description.Balance, "show every class equally often, however many pictures it has")

	fs.IntVar(&model.ImageSize, "image-size", model.ImageSize, "side of the pictures, a multiple of patch*2^(levels-1)")
	fs.IntVar(&model.Channels, "channels", model.Channels, "3 for RGB, 4 for RGBA")
	fs.IntVar(&model.Patch, "patch", model.Patch, "side of the blocks of pixels that are one position for the first convolution: 1, 2, 4 or 8")
	fs.IntVar(&model.Width, "width", model.Width, "channels at the first level")
	fs.IntSliceVar(&model.Multipliers, "multipliers", model.Multipliers, "channels of each level as multiples of --width; each level but the first halves the size")
	fs.IntVar(&model.Blocks, "blocks", model.Blocks, "residual blocks of a level of the encoder; the decoder has one more")
	fs.IntSliceVar(&model.AttentionAt, "attention-at", model.AttentionAt, "sizes of feature maps with attention, beside the lowest")
	fs.IntVar(&model.Groups, "groups", model.Groups, "groups of the group norms; must divide --width")
	fs.BoolVar(&model.Blur, "blur", model.Blur, "anti-aliased downsampling")
	fs.IntVar(&model.ZChannels, "z-channels", model.ZChannels, "channels at the end of the encoder (default: as --embed)")
	fs.Lookup("z-channels").DefValue = "0" // the usage has it
	fs.IntVar(&model.Embed, "embed", model.Embed, "channels of the latents")

	fs.BoolVar(&loss.Squared, "squared", loss.Squared, "squared error of the pixels instead of the absolute error")
	fs.StringVar(&f.how.Features, "features", "", "what computes the features of the perceptual loss: the run of a classifier, a file of LPIPS weights with VGG16, or the weights of a network that was trained on ImageNet, such as EfficientNet-Lite0 or ResNet-50 (default: no perceptual loss)")
	fs.Float64Var(&loss.Perceptual, "perceptual", loss.Perceptual, "weight of the perceptual loss; needs --features; 1 is usual for LPIPS")
	fs.Float64Var(&loss.Adversarial, "adversarial", loss.Adversarial, "weight of the discriminator, beside the adaptive one (0: none)")
	fs.IntVar(&loss.AdversarialStart, "adversarial-start", 0, "step from which on the discriminator is trained and judges (default: half of the steps)")
	fs.Float64Var(&loss.Augment, "discriminator-augment", loss.Augment, "target of adaptive discriminator augmentation (ADA), such as 0.6: it grows while the discriminator knows the pictures by heart (0: none)")
	fs.IntVar(&judge.Width, "discriminator-width", judge.Width, "channels of the discriminator's first convolution")
	fs.IntVar(&judge.Layers, "discriminator-layers", judge.Layers, "stride-2 convolutions of the discriminator; more judge larger patches")
	fs.StringVar(&judge.Norm, "discriminator-norm", judge.Norm, "batch, group or none")
	fs.Float64Var(&f.how.DiscriminatorRate, "discriminator-lr", f.how.DiscriminatorRate, "learning rate of the discriminator")
	return f
}
