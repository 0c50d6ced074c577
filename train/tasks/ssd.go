package tasks

import (
	"math"

	"github.com/bestiary-ml/bestiary/data/boxes"
	"github.com/bestiary-ml/bestiary/detect"
	"github.com/bestiary-ml/bestiary/eval/detection"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/ranks"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/ssd"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/train"
)

// SSDDefaults are the settings with which a detector is trained unless others are given.
type SSDDefaults struct {
	Model    ssd.Config // Classes remains to be set
	Training train.Config
	Data     boxes.Description
}

// DefaultSSD returns settings for a backbone and pictures of a size. Networks with weights of ImageNet are trained by SGD as in the
// paper, at a rate for batches of 8: momentum 0.9, weight decay 5e-4, biases at twice the rate, and a rate that falls after two thirds
// and five sixths of the steps. The small network is trained by AdamW from random weights.
func DefaultSSD(backbone string, imageSize int) SSDDefaults {
	c := train.DefaultConfig()
	c.EvalEvery, c.SampleEvery, c.CheckpointEvery = 250, 500, 500
	if backbone == ssd.Small {
		c.Steps, c.Batch, c.LearningRate, c.Schedule, c.Warmup = 1500, 16, 2e-3, "cosine", 50
		c.Optimizer, c.WeightDecay, c.DecayMatrices, c.Clip, c.EMA = "adamw", 0.02, true, 10, 0.995
	} else {
		c.Steps, c.Batch, c.LearningRate, c.Schedule, c.Warmup, c.DropFactor = 12000, 8, 1e-3, "multistep", 500, 0.1
		c.Optimizer, c.Momentum, c.WeightDecay, c.BiasRate, c.Clip = "sgd", 0.9, 5e-4, 2, 20
		c.Milestones = SSDMilestones(c.Steps)
	}
	return SSDDefaults{Model: ssd.VOC(backbone, imageSize, 1), Training: c, Data: boxes.Description{Share: 0.1, Augment: boxes.DefaultSSD()}}
}

// SSDMilestones are two thirds and five sixths of a number of steps.
func SSDMilestones(steps int) []int {
	first := max(1, steps*2/3)
	return []int{first, max(first+1, steps*5/6)}
}

// maxEvaluated is the number of held-out pictures on which a detector is evaluated during its training, evenly spread.
const maxEvaluated = 500

// SSD trains a detector to find the objects of pictures, and evaluates it on held-out ones (nil: no evaluation): its loss, and the mean
// average precision at IoU 0.5 of Pascal VOC. The classes of the model are those of the set. The model is made with initial weights;
// others may be loaded into it before the training begins.
func SSD(d *tensor.Device, c ssd.Config, how boxes.Description, training, heldOut *boxes.Set, o Options) (model *ssd.Model, task *train.Task[BoxBatch], err error) {
	defer fault.Catch(&err)
	if err := checkBoxes(training, c.Classes, "a box"); err != nil {
		return nil, nil, err
	}
	g := tensor.NewGenerator(o.Seed).Fork(models.SSD.Name)
	if model, err = ssd.New(d, c, g); err != nil {
		return nil, nil, err
	}
	pictures := newPictureCache()
	source, err := newBoxSource(training, c.ImageSize, o.Batch, how.Augment, o.Seed, pictures)
	if err != nil {
		return nil, nil, err
	}
	describeBoxes(&how, training, heldOut, source.at.Data)
	task = &train.Task[BoxBatch]{
		Model:      models.SSD.Name,
		Module:     model,
		Settings:   c,
		Options:    sample.DetectorOptions{Classes: training.Classes, IDs: training.IDs, Data: &how},
		Source:     source,
		Generators: map[string]*tensor.Generator{models.SSD.Name: g},
		Loss: func(batch BoxBatch) (*tensor.Tensor, *train.Figures) {
			loss, parts := model.Loss(batch.Tensor(d), batch.Objects)
			return loss, &train.Figures{
				Tensors: []*tensor.Tensor{parts.Classification, parts.Regression},
				Metrics: func(values [][]float32) train.Metrics {
					return train.Metrics{
						"classification_loss": float64(values[0][0]), "regression_loss": float64(values[1][0]),
						"matched_priors": float64(parts.Matched) / float64(batch.Len()),
					}
				},
			}
		},
	}
	if heldOut == nil || len(heldOut.Pictures) == 0 {
		return model, task, nil
	}
	v := &boxViewer{model, d, pictures, heldOut.Classes}
	some := fewBoxes(heldOut, maxEvaluated)
	task.Evaluate = func() (train.Metrics, error) { return v.measure(some, o.Batch) }
	task.Samples = func(path string) error { return v.draw(path, fewBoxes(heldOut, shown)) }
	return model, task, nil
}

// boxViewer evaluates a detector during its training.
type boxViewer struct {
	model    *ssd.Model
	device   *tensor.Device
	pictures *pictureCache
	classes  []string
}

// whole returns pictures without augmentation.
func (v *boxViewer) whole(pictures []boxes.Picture) (BoxBatch, error) {
	size := v.model.Config().ImageSize
	one := size * size * 3
	b := BoxBatch{Pixels: make([]float32, len(pictures)*one), Objects: make([][]boxes.Object, len(pictures)), Size: size}
	b.Indices = make([]int, len(pictures))
	err := each(len(pictures), func(i int) error {
		p := pictures[i]
		m, err := v.pictures.read(p)
		if err != nil {
			return err
		}
		view := boxes.Whole(p.Width, p.Height)
		view.Show(b.Pixels[i*one:(i+1)*one], m, size, size)
		b.Objects[i], b.Indices[i] = usable(view.Objects(p.Objects, size, size)), i
		return nil
	})
	return b, err
}

// measure returns the loss of pictures and the mean average precision.
func (v *boxViewer) measure(pictures []boxes.Picture, batch int) (train.Metrics, error) {
	type figures struct {
		Classification, Regression, Weight float64 // of a batch: means over Weight matched priors
		Found                              [][]detect.Detection
	}
	batches, err := ranks.Divide(v.device, len(pictures), batch, func(lo, hi int) ([]figures, error) {
		b, err := v.whole(pictures[lo:hi])
		if err != nil {
			return nil, err
		}
		step := v.device.Scratch()
		defer step.End()
		logits, codes := v.model.Forward(b.Tensor(v.device))
		parts := v.model.Losses(logits, codes, b.Objects)
		return []figures{{parts.Classification.Item(), parts.Regression.Item(), float64(max(parts.Matched, 1)), v.model.Detections(logits, codes)}}, nil
	})
	if err != nil {
		return nil, err
	}
	var classification, regression, matched float64
	var measured []detection.Picture
	for _, b := range batches {
		classification += b.Weight * b.Classification
		regression += b.Weight * b.Regression
		matched += b.Weight
		for _, found := range b.Found {
			p := pictures[len(measured)]
			measured = append(measured, detection.Picture{Objects: p.Objects, Detections: inPixels(found, p.Width, p.Height)})
		}
	}
	m := train.Metrics{
		"loss": (classification + regression) / matched, "classification_loss": classification / matched, "regression_loss": regression / matched,
	}
	r, err := detection.VOC(measured, v.classes, detection.VOCOptions{})
	if err != nil {
		return nil, err
	}
	if !math.IsNaN(r.Mean) { // there are objects
		m["map50"] = r.Mean
	}
	return m, nil
}

// inPixels returns detections with boxes in pixels of a picture of a size.
func inPixels(found []detect.Detection, width, height int) []detect.Detection {
	for k := range found {
		found[k].Box = found[k].Box.Scale(float64(width), float64(height))
	}
	return found
}

// draw writes pictures with the boxes of their objects, and those that are found.
func (v *boxViewer) draw(path string, pictures []boxes.Picture) error {
	b, err := v.whole(pictures)
	if err != nil {
		return err
	}
	found := v.model.Detect(b.Tensor(v.device))
	return drawFound(path, v.pictures, pictures, v.classes, func(i, width, height int) ([]detect.Detection, error) {
		return inPixels(found[i], width, height), nil
	})
}
