package tasks

import (
	"github.com/bestiary-ml/bestiary/data/boxes"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/maskrcnn"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/train"
)

// MaskRCNNDefaults are the settings with which a Mask R-CNN is trained unless others are given.
type MaskRCNNDefaults struct {
	Model    maskrcnn.Config // Classes remains to be set
	Training train.Config
	Data     boxes.Description
}

// DefaultMaskRCNN returns settings for a backbone. One with weights of ImageNet is trained by SGD as in torchvision's references, whose
// rate of 0.02 for batches of 16 is that of 0.0025 for batches of 2: momentum 0.9, weight decay 1e-4, and a rate that falls after eight
// and eleven twelfths of the steps. With random weights it is trained by AdamW.
func DefaultMaskRCNN(backbone string, pretrained bool) MaskRCNNDefaults {
	c := train.DefaultConfig()
	c.Steps, c.Batch, c.Warmup = 12000, 2, 500
	c.EvalEvery, c.SampleEvery, c.CheckpointEvery = 1000, 1000, 500
	if pretrained {
		c.LearningRate, c.Schedule, c.DropFactor = 2.5e-3, "multistep", 0.1
		c.Optimizer, c.Momentum, c.WeightDecay, c.Clip = "sgd", 0.9, 1e-4, 20
		c.Milestones = MaskRCNNMilestones(c.Steps)
	} else {
		c.LearningRate, c.Schedule = 2e-4, "cosine"
		c.Optimizer, c.WeightDecay, c.DecayMatrices, c.Clip = "adamw", 0.05, true, 10
	}
	model := maskrcnn.Torchvision(backbone, 1)
	model.Pretrained = pretrained
	how := boxes.Description{Masks: true, Share: 0.1, Augment: boxes.SSD{Mirror: boxes.DefaultSSD().Mirror}}
	return MaskRCNNDefaults{Model: model, Training: c, Data: how}
}

// MaskRCNNMilestones are eight and eleven twelfths of a number of steps.
func MaskRCNNMilestones(steps int) []int {
	first := max(1, steps*8/12)
	return []int{first, max(first+1, steps*11/12)}
}

// MaskRCNN trains a model to find the objects of pictures and their masks, and evaluates it on held-out ones (nil: no evaluation): its
// losses, and the mean average precision of boxes and of masks at IoU 0.5 as COCO has it. All objects need masks, see
// boxes.Options.Masks. The classes of the model are those of the set. The model is made with initial weights; others may be loaded into
// it before the training begins.
func MaskRCNN(d *tensor.Device, c maskrcnn.Config, how boxes.Description, training, heldOut *boxes.Set, o Options) (model *maskrcnn.Model, task *train.Task[MaskBatch], err error) {
	defer fault.Catch(&err)
	if err := checkMasked(training, heldOut, c.Classes); err != nil {
		return nil, nil, err
	}
	g := tensor.NewGenerator(o.Seed).Fork(models.MaskRCNN.Name)
	if model, err = maskrcnn.New(d, c, g); err != nil {
		return nil, nil, err
	}
	pictures := newPictureCache()
	source, err := newMaskSource(training, model, o.Batch, how.Augment, o.Seed, pictures)
	if err != nil {
		return nil, nil, err
	}
	describeBoxes(&how, training, heldOut, source.at.Data)
	task = &train.Task[MaskBatch]{
		Model:      models.MaskRCNN.Name,
		Module:     model,
		Settings:   c,
		Options:    sample.DetectorOptions{Classes: training.Classes, IDs: training.IDs, Data: &how},
		Source:     source,
		Generators: map[string]*tensor.Generator{models.MaskRCNN.Name: g},
		Loss: func(batch MaskBatch) (*tensor.Tensor, *train.Figures) {
			l := model.Loss(batch.Tensor(d), batch.Sizes, batch.Targets, g)
			return l.Sum(), &train.Figures{
				Tensors: l.Parts(),
				Metrics: func(values [][]float32) train.Metrics {
					m := train.Metrics{"objects": float64(l.Objects) / float64(batch.Len())} // proposals with an object, of a picture
					for i, name := range lossNames {
						m[name] = float64(values[i][0])
					}
					return m
				},
			}
		},
	}
	if heldOut == nil || len(heldOut.Pictures) == 0 {
		return model, task, nil
	}
	v := &maskViewer{model, d, pictures, heldOut.Classes, o.Seed}
	some := fewBoxes(heldOut, maxSegmented)
	task.Evaluate = func() (train.Metrics, error) { return v.measure(some, o.Batch) }
	task.Samples = func(path string) error { return v.draw(path, fewBoxes(heldOut, shown)) }
	return model, task, nil
}

// lossNames are the names of the five losses in reports, in the order of their Parts.
var lossNames = []string{"objectness_loss", "proposal_loss", "classification_loss", "box_loss", "mask_loss"}

// checkMasked refuses pictures that can't be trained on.
func checkMasked(training, heldOut *boxes.Set, classes int) error {
	if err := checkBoxes(training, classes, "an object"); err != nil {
		return err
	}
	for _, s := range []*boxes.Set{training, heldOut} {
		if s == nil {
			continue
		}
		for _, p := range s.Pictures {
			for _, o := range p.Objects {
				if o.Mask == nil {
					return fault.Field("Data", nil, "%s has an object without a mask; read the pictures with their masks", p.Name)
				}
			}
		}
	}
	return nil
}
