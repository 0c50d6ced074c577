package main

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/data/boxes"
	runfolder "github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/maskrcnn"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/train"
	"github.com/bestiary-ml/bestiary/train/tasks"
	"github.com/spf13/cobra"
)

// maskFlags are the flags of the training of a Mask R-CNN.
type maskFlags struct {
	*boxFlags
	model     maskrcnn.Config
	proposals int // of a picture in evaluation
}

func newTrainMaskRCNN() *cobra.Command {
	defaults := tasks.DefaultMaskRCNN("", false)
	s := &maskFlags{boxFlags: &boxFlags{how: defaults.Data}, model: defaults.Model}
	c := &cobra.Command{
		Use:   models.MaskRCNN.Name,
		Short: "Train a Mask R-CNN, which finds objects in pictures and their masks",
		Long: `Train a Mask R-CNN with a feature pyramid on pictures with masks: a JSON file of COCO's form, the animals of
the Oxford-IIIT pets, annotations of VIA or labelme, or drawn scenes. What is wrong with the masks is
counted and named; objects without a mask are left out.

A picture is resized so that its shorter side has --min-size pixels, but its longer one at most
--max-size. The pictures of a batch are padded to the largest.

--backbone chooses the network below the pyramid:

  NAME       such as resnet18, resnet50 or mobilenet_v2, from random weights: any key or name of
             docs/backbones.md
  FILE       the weights of such a network that was trained on ImageNet: its batch normalization stays as
             it is, and --freeze keeps the weights of its first stages

The defaults of the training depend on it: SGD with momentum for a file, with a rate that falls after
eight and eleven twelfths of the steps, and AdamW for random weights.

The settings are those of torchvision's maskrcnn_resnet50_fpn. On processors, smaller pictures, fewer
--regions and --proposals, and a narrower --width take less time.

--from fine-tunes a model: a run folder, or a state dict of torchvision's maskrcnn_resnet50_fpn. With
other classes, the layers that predict classes, boxes and masks are new.`,
		Example: `  bestiary train maskrcnn --data oxford-pets --backbone resnet18 --min-size 224 --out runs/masks
  bestiary train maskrcnn --data balloon --one-class balloon --from maskrcnn_resnet50_fpn_coco.pth --out runs/balloon
  bestiary train maskrcnn --data coco/annotations/train.json --backbone resnet50.pth --freeze 2 --out runs/coco
  bestiary segment --run runs/masks photos/`,
		Args: noArguments,
	}
	s.trainFlags = addTrainFlagsOnly(c, models.MaskRCNN.Info, "out", "run folder to make or to resume (required)", defaults.Training)
	f := c.Flags()
	s.add(f, "mirror", "pictures with masks: a JSON file of COCO's form, the Oxford-IIIT Pet folder, annotations of VIA or labelme, or scenes:SEED:N to draw N scenes")
	f.StringVar(&s.backbone, "backbone", s.model.Backbone, "name of a network, or a file with its weights (changes the defaults of training)")
	f.IntVar(&s.model.MinSide, "min-size", s.model.MinSide, "pixels of the shorter side of a resized picture")
	f.IntVar(&s.model.MaxSide, "max-size", s.model.MaxSide, "most pixels of its longer side (default: 5/3 of --min-size)")
	f.IntVar(&s.model.Frozen, "freeze", 0, "first stages of the backbone, 0 to 4, whose weights are not trained")
	f.IntVar(&s.model.Width, "width", s.model.Width, "channels of the feature pyramid")
	f.IntVar(&s.model.HeadWidth, "head-width", s.model.HeadWidth, "width of the head that names the class and corrects the box")
	f.IntVar(&s.model.MaskWidth, "mask-width", s.model.MaskWidth, "channels of the head that draws the mask")
	f.IntVar(&s.model.Boxes.Sampled, "regions", s.model.Boxes.Sampled, "proposals of a picture in the losses of the heads")
	f.IntVar(&s.proposals, "proposals", s.model.Proposals.After, "proposals of a picture that are looked at; in training, twice as many")
	f.StringVar(&s.from, "from", "", "fine-tuning: start with the weights of this run's Mask R-CNN, or of a state dict of torchvision's maskrcnn_resnet50_fpn")
	c.RunE = func(c *cobra.Command, _ []string) error { return s.train(c) }
	return c
}

// train trains the model of the flags.
func (s *maskFlags) train(c *cobra.Command) error {
	return trainDetector(c, s.boxFlags, boxTraining[tasks.MaskBatch]{
		missing: "pictures with masks, such as oxford-pets, a JSON file of COCO's form, or scenes:1:2000",
		check:   s.check, keep: s.keep, milestones: tasks.MaskRCNNMilestones, classes: &s.model.Classes,
		task: func(d *tensor.Device, training, heldOut *boxes.Set, o tasks.Options) (startable, *train.Task[tasks.MaskBatch], error) {
			return tasks.MaskRCNN(d, s.model, s.how, training, heldOut, o)
		},
	})
}

// check checks the flags without the data, and sets the defaults of the backbone.
func (s *maskFlags) check(c *cobra.Command) error {
	if err := s.boxFlags.check(); err != nil {
		return err
	}
	const most = 1 << 19
	if s.proposals < 1 || s.proposals > most {
		return usagef("--proposals %d: must be 1 to %d", s.proposals, most)
	}
	if s.resume {
		return nil
	}
	if err := s.choose(c); err != nil {
		return err
	}
	s.defaults(c, tasks.DefaultMaskRCNN(s.model.Backbone, s.model.Pretrained).Training)
	return invalid(s.model.Validate())
}

// choose makes the configuration of the model, but for the classes.
func (s *maskFlags) choose(c *cobra.Command) error {
	given, changed := s.model, c.Flags().Changed
	if s.from != "" {
		if err := ofFrom(c, "backbone", "width", "head-width", "mask-width"); err != nil {
			return err
		}
		var err error
		if s.model, err = s.start(); err != nil {
			return err
		}
		s.model.Frozen = given.Frozen
		if changed("min-size") {
			s.model.MinSide = given.MinSide
		}
		if changed("regions") {
			s.model.Boxes.Sampled = given.Boxes.Sampled
		}
	} else {
		name, err := s.network("")
		if err != nil {
			return err
		}
		s.model.Backbone, s.model.Pretrained = name, s.weights != ""
	}
	switch whole := maskrcnn.Torchvision("", 1); {
	case changed("max-size"):
		s.model.MaxSide = given.MaxSide
	case changed("min-size"):
		s.model.MaxSide = (s.model.MinSide*whole.MaxSide + whole.MinSide/2) / whole.MinSide
	}
	if changed("proposals") {
		p := &s.model.Proposals
		p.Before, p.After, p.TrainBefore, p.TrainAfter = s.proposals, s.proposals, 2*s.proposals, 2*s.proposals
	}
	return nil
}

// start returns the configuration of the model of --from.
func (s *maskFlags) start() (maskrcnn.Config, error) {
	if is, err := s.fromRun(); is || err != nil {
		if err != nil {
			return maskrcnn.Config{}, err
		}
		return models.MaskRCNN.Config(s.from)
	}
	classes, is, err := maskrcnn.Identify(s.from)
	if err != nil {
		return maskrcnn.Config{}, err
	}
	if !is {
		return maskrcnn.Config{}, fmt.Errorf("%s: holds no model of torchvision's maskrcnn_resnet50_fpn; name such a state dict, or a run folder", s.from)
	}
	config := maskrcnn.Torchvision("", classes)
	config.Pretrained = true
	return config, nil
}

// keep takes the model and the data of a resumed run.
func (s *maskFlags) keep(c *cobra.Command, r *runfolder.Run) error {
	err := keepModel(c, "backbone", "min-size", "max-size", "freeze", "width", "head-width", "mask-width", "regions", "proposals")
	if err != nil {
		return err
	}
	if s.model, err = models.MaskRCNN.Config(s.run); err != nil {
		return err
	}
	return s.keepPictures(c, r)
}
