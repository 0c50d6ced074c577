package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/backbone"
	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/data/boxes"
	runfolder "github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/ssd"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/train/tasks"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// ssdFlags are the flags of the training of a detector.
type ssdFlags struct {
	*trainFlags
	model    ssd.Config
	how      boxes.Description
	classes  []string
	preset   string
	backbone string // a name, or a file of weights
	augment  string
	from     string // a run folder or a file of weights

	weights string // file of the backbone's weights; "" for none
	origin  *sample.DetectorOptions
}

const (
	smallSize = 128 // pixels of pictures for the small network
	usualSize = 300
)

func newTrainSSD() *cobra.Command {
	defaults := tasks.DefaultSSD(ssd.Small, smallSize)
	s := &ssdFlags{model: defaults.Model, how: defaults.Data}
	c := &cobra.Command{
		Use:   models.SSD.Name,
		Short: "Train a detector, which finds objects in pictures",
		Long: `Train an SSD detector on pictures with boxes: Pascal VOC (VOCdevkit, a year, or a folder of XML files), a JSON
file of COCO's form, the head boxes of the Oxford-IIIT pets, CUB_200_2011, a YOLO folder,
annotations of VIA or labelme, or drawn scenes.
Boxes that are empty, outside of their picture or of an unknown class are counted and named; pictures
without boxes are allowed.

--backbone chooses the network below the detector:

  small      a small residual network for pictures of 96 to 160 pixels, trained from random weights
  vgg16      VGG16 as in the paper and in torchvision's ssd300_vgg16
  NAME       another network, such as resnet50 or mobilenet_v2, from random weights
  FILE       the weights of such a network that was trained on ImageNet

The defaults of the training depend on it: AdamW for small, else SGD with momentum, a rate that falls
after two thirds and five sixths of the steps, and biases at twice the rate.

--from fine-tunes a detector: a run folder, or a state dict of torchvision's ssd300_vgg16. With other
classes, the layers that predict classes are new.`,
		Example: `  bestiary train ssd --data scenes:1:2000 --out runs/ssd
  bestiary train ssd --data VOCdevkit --years 07+12 --from ssd300_vgg16_coco.pth --out runs/voc
  bestiary train ssd --data coco/annotations/train.json --preset coco --backbone resnet50.pth --freeze 2 --out runs/coco
  bestiary detect --run runs/ssd photos/`,
		Args: noArguments,
	}
	s.trainFlags = addTrainFlagsOnly(c, models.SSD.Info, "out", "run folder to make or to resume (required)", defaults.Training)
	f := c.Flags()
	f.StringVar(&s.how.Path, "data", "", "pictures with boxes: VOCdevkit or a folder of XML files, a JSON file of COCO's form, the Oxford-IIIT Pet folder, CUB_200_2011, a YOLO folder, annotations of VIA or labelme, or scenes:SEED:N to draw N scenes")
	f.StringVar(&s.how.Split, "split", string(data.Trainval), "part of the pictures: trainval, test or all; without --split, data that have no splits are used whole")
	f.StringVar(&s.how.Years, "years", "", "Pascal VOC only: 07, 12, 07+12 or 07++12 (default: all that are there)")
	f.StringVar(&s.how.Labels, "labels", "", "pets only: species (the default) or breed")
	f.StringVar(&s.how.Images, "images", "", "COCO only: the folder of the pictures (default: one beside the JSON file)")
	f.StringSliceVar(&s.classes, "classes", nil, "names of the classes, in their order; boxes of others are left out (default: those of the data)")
	f.StringVar(&s.how.As, "one-class", "", "name that makes all classes, or those of --classes, one: a detector of any of them")
	f.Float64Var(&s.how.Share, "hold-out", s.how.Share, "share of the pictures that is held out to evaluate the training")
	f.StringVar(&s.augment, "augment", "ssd", "how pictures are varied: ssd (expanded, cropped around objects, mirrored, colours distorted), mirror, or none")
	f.StringVar(&s.backbone, "backbone", ssd.Small, "small, vgg16 or the name of another network, or a file with its weights (changes the defaults of training)")
	f.IntVar(&s.model.ImageSize, "image-size", smallSize, "side in pixels to which pictures are resized (default of other backbones than small: 300)")
	f.StringVar(&s.preset, "preset", "voc", "sizes of the default boxes: voc, or coco with smaller ones")
	f.StringVar(&s.model.Regression, "regression", s.model.Regression, "loss of the boxes: smooth-l1, giou, diou or ciou")
	f.IntVar(&s.model.Frozen, "freeze", 0, "first stages of the backbone, 0 to 5, whose weights are not trained")
	f.IntVar(&s.model.EmptyNegatives, "empty-negatives", s.model.EmptyNegatives, "hard negatives of a picture without objects")
	f.StringVar(&s.from, "from", "", "fine-tuning: start with the weights of this run's detector, or of a state dict of torchvision's ssd300_vgg16")
	c.RunE = func(c *cobra.Command, _ []string) error { return s.train(c) }
	return c
}

// train checks the flags, opens the data and trains.
func (s *ssdFlags) train(c *cobra.Command) error {
	if err := s.check(c); err != nil {
		return err
	}
	if s.how.Path == "" && !s.resume {
		return usagef("--data is missing: name pictures with boxes, such as VOCdevkit, a JSON file of COCO's form, or scenes:1:2000")
	}
	r, d, err := s.open(c, true)
	if err != nil {
		return err
	}
	if s.resume {
		if err := s.keep(c, r); err != nil {
			return err
		}
	}
	settings, err := s.settings(c)
	if err != nil {
		return err
	}
	training, heldOut, err := s.pictures(c)
	if err != nil {
		return err
	}
	items := len(training.Pictures)
	if settings.Batch > items && c.Flags().Changed("batch") {
		return usagef("--batch %d: is more than the %s to train on; choose a smaller batch, or add pictures", settings.Batch, count(items, "picture"))
	}
	fit(c, &settings, items, len(heldOut.Pictures))
	if settings.Schedule == "multistep" && !s.resume && !c.Flags().Changed("milestones") {
		settings.Milestones = tasks.SSDMilestones(steps(settings, items))
	}
	if !s.resume {
		s.model.Classes = len(training.Classes)
	}
	model, task, err := tasks.SSD(d, s.model, s.how, training, heldOut, tasks.Options{Batch: settings.Batch, Seed: settings.Seed})
	if err != nil {
		return err
	}
	if !s.resume {
		if err := s.load(c, d, model, training.Classes); err != nil {
			return err
		}
	}
	return runTask(c, s.trainFlags, task, settings)
}

// check checks the flags without the data, and sets the defaults of the backbone.
func (s *ssdFlags) check(c *cobra.Command) error {
	if !(s.how.Share >= 0 && s.how.Share < 1) {
		return usagef("--hold-out %v: is out of range; choose 0 to less than 1", s.how.Share)
	}
	augment := boxes.DefaultSSD()
	switch s.augment {
	case "ssd":
	case "mirror":
		augment = boxes.SSD{Mirror: augment.Mirror}
	case "none":
		augment = boxes.SSD{}
	default:
		return usagef("--augment %q: must be ssd, mirror or none", s.augment)
	}
	s.how.Augment = augment
	if s.preset != "voc" && s.preset != "coco" {
		return usagef("--preset %q: must be voc or coco", s.preset)
	}
	if s.from != "" && s.resume {
		return usagef("--from %s: begins a training, and --resume continues one; leave one of them out", s.from)
	}
	if s.resume {
		return nil
	}
	if err := s.choose(c); err != nil {
		return err
	}
	s.defaults(c)
	return invalid(s.model.Validate())
}

// choose makes the configuration of the model, but for the classes.
func (s *ssdFlags) choose(c *cobra.Command) error {
	given := s.model
	if s.from != "" {
		for _, name := range []string{"backbone", "image-size", "preset"} {
			if c.Flags().Changed(name) {
				return usagef("--%s: belongs to the model, which --from keeps; leave one of them out", name)
			}
		}
		var err error
		if s.model, err = s.start(); err != nil {
			return err
		}
	} else {
		name := s.backbone
		if _, err := os.Stat(name); err == nil && name != ssd.Small && !slices.Contains(backbone.Names(), name) {
			if name, err = backbone.Identify(s.backbone); err != nil {
				return err
			}
			if name == "" {
				return backbone.Unknown(s.backbone)
			}
			s.weights = s.backbone
		} else if err != nil && (strings.ContainsAny(name, `/\`) || slices.Contains([]string{".pth", ".pt", ".safetensors"}, filepath.Ext(name))) {
			return fmt.Errorf("%s: there is no such file of weights; check the path, or name a network", name)
		}
		if name != ssd.Small && !c.Flags().Changed("image-size") {
			given.ImageSize = usualSize
		}
		preset := ssd.VOC
		if s.preset == "coco" {
			preset = ssd.COCO
		}
		check := given
		check.Backbone, check.Pretrained = name, s.weights != ""
		if given.ImageSize < 1 || given.ImageSize > 1<<20 { // which has no feature maps
			return invalid(check.Validate())
		}
		s.model = preset(name, given.ImageSize, given.Classes)
		s.model.Pretrained = s.weights != ""
	}
	s.model.Frozen = given.Frozen
	if s.from == "" || c.Flags().Changed("regression") {
		s.model.Regression = given.Regression
	}
	if s.from == "" || c.Flags().Changed("empty-negatives") {
		s.model.EmptyNegatives = given.EmptyNegatives
	}
	return nil
}

// start returns the configuration of the detector of --from.
func (s *ssdFlags) start() (ssd.Config, error) {
	if info, err := os.Stat(s.from); err != nil {
		return ssd.Config{}, fmt.Errorf("%s: there is no such run folder or file; check the path", s.from)
	} else if info.IsDir() {
		if sameFile(s.from, s.run) {
			return ssd.Config{}, usagef("--from %s: is the run itself; choose a new folder, or continue with --resume", s.from)
		}
		r, err := runfolder.Open(s.from)
		if err != nil {
			return ssd.Config{}, err
		}
		c, err := models.SSD.Config(s.from)
		if err != nil {
			return c, err
		}
		s.origin = &sample.DetectorOptions{}
		return c, r.Options(models.SSD.Name, s.origin)
	}
	classes, is, err := ssd.Identify(s.from)
	if err != nil {
		return ssd.Config{}, err
	}
	if !is {
		return ssd.Config{}, fmt.Errorf("%s: holds no detector of torchvision's ssd300_vgg16; name such a state dict, or a run folder", s.from)
	}
	return ssd.Torchvision(classes), nil
}

// defaults sets the settings of the training that flags don't give.
func (s *ssdFlags) defaults(c *cobra.Command) {
	settings := tasks.DefaultSSD(s.model.Backbone, s.model.ImageSize).Training
	fields := pflag.NewFlagSet(s.kind.Name, pflag.ContinueOnError)
	addConfigFlags(fields, &settings)
	c.Flags().Visit(func(given *pflag.Flag) {
		if fields.Lookup(given.Name) != nil {
			_ = fields.Set(given.Name, strings.Trim(given.Value.String(), "[]")) // which was parsed already
		}
	})
	if !c.Flags().Changed("epochs") || c.Flags().Changed("steps") {
		if !c.Flags().Changed("warmup") {
			settings.Warmup = min(settings.Warmup, settings.Steps/10)
		}
	}
	if !c.Flags().Changed("milestones") {
		settings.Milestones = nil
		if settings.Schedule == "multistep" { // of an unknown number of steps, until the data is known
			settings.Milestones = []int{settings.Warmup + 1}
		}
	}
	if settings.Optimizer != "sgd" && !c.Flags().Changed("bias-rate") {
		settings.BiasRate = 1
	}
	s.config = settings
}

// keep takes the model and the data of a resumed run.
func (s *ssdFlags) keep(c *cobra.Command, r *runfolder.Run) error {
	err := keepModel(c, "backbone", "image-size", "preset", "regression", "freeze", "empty-negatives", "classes", "one-class", "split", "years", "labels", "images", "hold-out", "augment")
	if err != nil {
		return err
	}
	if s.model, err = models.SSD.Config(s.run); err != nil {
		return err
	}
	var o sample.DetectorOptions
	if err := r.Options(s.kind.Name, &o); err != nil {
		return err
	}
	s.classes = o.Classes
	path := s.how.Path
	if o.Data != nil {
		s.how = *o.Data
		s.how.Path = o.Data.Locate()
	}
	if path != "" {
		s.how.Path = path
	}
	if s.how.Path == "" {
		return usagef("--data is missing: the run was imported and has no pictures; name some with boxes")
	}
	return nil
}

// pictures opens the pictures and splits them.
func (s *ssdFlags) pictures(c *cobra.Command) (training, heldOut *boxes.Set, err error) {
	if s.how.As != "" && !s.resume {
		s.how.Of = s.classes
	}
	o := s.how.Options(s.classes)
	o.Limits = decodeLimits
	all, err := boxes.Open(s.how.Path, o)
	if boxes.NoSplit(err) && !c.Flags().Changed("split") && !s.resume && s.withoutSplits(o) {
		o.Split = data.All
		s.how.Split = string(o.Split)
		all, err = boxes.Open(s.how.Path, o)
	}
	if err != nil {
		return nil, nil, err
	}
	bar := newBar(c.ErrOrStderr(), "decoding pictures")
	kept, damaged, err := tasks.DecodableBoxes(c.Context(), all, bar.update)
	bar.finish()
	if err != nil {
		return nil, nil, err
	}
	fmt.Fprint(c.ErrOrStderr(), kept.String())
	for i, failure := range damaged {
		if i == 5 {
			fmt.Fprintf(c.ErrOrStderr(), "%d more pictures that can't be decoded are left out\n", len(damaged)-i)
			break
		}
		fmt.Fprintf(c.ErrOrStderr(), "left out: %v\n", failure)
	}
	training, heldOut = tasks.HoldOutBoxes(kept, s.how.Share)
	n := len(training.Pictures)
	fmt.Fprintf(c.ErrOrStderr(), "training on %s, %d held out%s\n", count(n, "picture"), len(heldOut.Pictures), heldOutAnyway(s.how.Share, n, len(heldOut.Pictures)))
	if s.how.From = data.GivenIn(s.how.Path); boxes.IsScenes(s.how.Path) {
		s.how.From = ""
	}
	return training, heldOut, nil
}

// withoutSplits reports whether the pictures lack the split test. If they have it and lack trainval, all of them would be used to train.
func (s *ssdFlags) withoutSplits(o boxes.Options) bool {
	o.Split = data.Test
	_, err := boxes.Open(s.how.Path, o)
	return boxes.NoSplit(err)
}

// load sets the initial weights that files have.
func (s *ssdFlags) load(c *cobra.Command, d *tensor.Device, m *ssd.Model, classes []string) error {
	if s.weights != "" {
		b, err := backbone.Open(s.weights, d)
		if err != nil {
			return err
		}
		return m.SetBackbone(b)
	}
	if s.from == "" {
		return nil
	}
	path, other := s.from, false
	if s.origin != nil {
		r, err := runfolder.Open(s.from)
		if err != nil {
			return err
		}
		path, other = r.WeightsPath(s.kind.Name), !slices.Equal(s.origin.Classes, classes)
	}
	fresh, err := m.LoadState(path, other)
	if err != nil {
		return err
	}
	if fresh {
		fmt.Fprintf(c.ErrOrStderr(), "the layers that predict classes are new, as %s has other classes; all other weights are kept\n", s.from)
	}
	return nil
}
