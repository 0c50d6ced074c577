package main

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/data/boxes"
	runfolder "github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/ssd"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/train"
	"github.com/bestiary-ml/bestiary/train/tasks"
	"github.com/spf13/cobra"
)

// ssdFlags are the flags of the training of a detector.
type ssdFlags struct {
	*boxFlags
	model  ssd.Config
	preset string
}

const (
	smallSize = 128 // pixels of pictures for the small network
	usualSize = 300
)

func newTrainSSD() *cobra.Command {
	defaults := tasks.DefaultSSD(ssd.Small, smallSize)
	s := &ssdFlags{boxFlags: &boxFlags{how: defaults.Data}, model: defaults.Model}
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
	s.add(f, "ssd", "pictures with boxes: VOCdevkit or a folder of XML files, a JSON file of COCO's form, the Oxford-IIIT Pet folder, CUB_200_2011, a YOLO folder, annotations of VIA or labelme, or scenes:SEED:N to draw N scenes")
	f.StringVar(&s.how.Years, "years", "", "Pascal VOC only: 07, 12, 07+12 or 07++12 (default: all that are there)")
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

// train trains the model of the flags.
func (s *ssdFlags) train(c *cobra.Command) error {
	return trainDetector(c, s.boxFlags, boxTraining[tasks.BoxBatch]{
		missing: "pictures with boxes, such as VOCdevkit, a JSON file of COCO's form, or scenes:1:2000",
		check:   s.check, keep: s.keep, milestones: tasks.SSDMilestones, classes: &s.model.Classes,
		task: func(d *tensor.Device, training, heldOut *boxes.Set, o tasks.Options) (startable, *train.Task[tasks.BoxBatch], error) {
			return tasks.SSD(d, s.model, s.how, training, heldOut, o)
		},
	})
}

// check checks the flags without the data, and sets the defaults of the backbone.
func (s *ssdFlags) check(c *cobra.Command) error {
	if err := s.boxFlags.check(); err != nil {
		return err
	}
	if s.preset != "voc" && s.preset != "coco" {
		return usagef("--preset %q: must be voc or coco", s.preset)
	}
	if s.resume {
		return nil
	}
	if err := s.choose(c); err != nil {
		return err
	}
	s.defaults(c, tasks.DefaultSSD(s.model.Backbone, s.model.ImageSize).Training)
	return invalid(s.model.Validate())
}

// choose makes the configuration of the model, but for the classes.
func (s *ssdFlags) choose(c *cobra.Command) error {
	given := s.model
	if s.from != "" {
		if err := ofFrom(c, "backbone", "image-size", "preset"); err != nil {
			return err
		}
		var err error
		if s.model, err = s.start(); err != nil {
			return err
		}
	} else {
		name, err := s.network(ssd.Small)
		if err != nil {
			return err
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
	if is, err := s.fromRun(); is || err != nil {
		if err != nil {
			return ssd.Config{}, err
		}
		return models.SSD.Config(s.from)
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

// keep takes the model and the data of a resumed run.
func (s *ssdFlags) keep(c *cobra.Command, r *runfolder.Run) error {
	err := keepModel(c, "backbone", "image-size", "preset", "regression", "freeze", "empty-negatives", "years")
	if err != nil {
		return err
	}
	if s.model, err = models.SSD.Config(s.run); err != nil {
		return err
	}
	return s.keepPictures(c, r)
}
