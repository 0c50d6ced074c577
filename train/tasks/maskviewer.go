package tasks

import (
	"fmt"
	"math"

	"github.com/bestiary-ml/bestiary/data/boxes"
	"github.com/bestiary-ml/bestiary/detect"
	"github.com/bestiary-ml/bestiary/eval/detection"
	"github.com/bestiary-ml/bestiary/internal/ranks"
	"github.com/bestiary-ml/bestiary/maskrcnn"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/train"
)

// maxSegmented is the number of held-out pictures on which a Mask R-CNN is evaluated during its training, evenly spread.
const maxSegmented = 200

// maskViewer evaluates a Mask R-CNN during its training.
type maskViewer struct {
	model    *maskrcnn.Model
	device   *tensor.Device
	pictures *pictureCache
	classes  []string
	seed     uint64
}

// whole returns pictures without augmentation.
func (v *maskViewer) whole(pictures []boxes.Picture) (MaskBatch, error) {
	var views []boxes.View
	var sizes []maskrcnn.Size
	for _, p := range pictures {
		view := boxes.Whole(p.Width, p.Height)
		views, sizes = append(views, view), append(sizes, resized(v.model, view))
	}
	return showMasked(v.model, v.pictures, pictures, views, v.model.Config().Sides(sizes))
}

// maskFigures are the figures of a batch.
type maskFigures struct {
	Losses   [5]float64 // in the order of lossNames
	Pictures int
	Found    [][]detect.Detection
}

// measure returns the losses of pictures and the mean average precisions. The anchors and proposals in the losses are the same each time.
func (v *maskViewer) measure(pictures []boxes.Picture, batch int) (train.Metrics, error) {
	batches, err := ranks.Divide(v.device, len(pictures), batch, func(lo, hi int) ([]maskFigures, error) {
		b, err := v.whole(pictures[lo:hi])
		if err != nil {
			return nil, err
		}
		step := v.device.Scratch()
		defer step.End()
		random := tensor.NewGenerator(v.seed).Fork(fmt.Sprintf("held-out pictures from %d", lo))
		l, found := v.model.Evaluate(b.Tensor(v.device), b.Sizes, b.Targets, random)
		m := maskFigures{Pictures: hi - lo, Found: make([][]detect.Detection, hi-lo)}
		for i, part := range l.Parts() {
			m.Losses[i] = part.Item()
		}
		return []maskFigures{m}, each(hi-lo, func(i int) (err error) {
			p := pictures[lo+i]
			m.Found[i], err = maskrcnn.Place(found[i], b.Sizes[i], maskrcnn.Size{Height: p.Height, Width: p.Width})
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	var all []detection.Picture
	m := train.Metrics{}
	for _, b := range batches {
		share := float64(b.Pictures) / float64(len(pictures))
		for i, name := range lossNames {
			m[name] += share * b.Losses[i]
			m["loss"] += share * b.Losses[i]
		}
		for _, found := range b.Found {
			p := pictures[len(all)]
			all = append(all, detection.Picture{Width: p.Width, Height: p.Height, Objects: p.Objects, Detections: found})
		}
	}
	of, err := detection.COCO(all, v.classes)
	if err != nil {
		return nil, err
	}
	masks, err := detection.COCOMasks(all, v.classes)
	if err != nil {
		return nil, err
	}
	if !math.IsNaN(of.AP50) { // there are objects
		m["map50"], m["mask_map50"] = of.AP50, masks.AP50
	}
	return m, nil
}

// draw writes pictures with the boxes of their objects, and with the masks and boxes that are found.
func (v *maskViewer) draw(path string, pictures []boxes.Picture) error {
	b, err := v.whole(pictures)
	if err != nil {
		return err
	}
	found := v.model.Detect(b.Tensor(v.device), b.Sizes)
	return drawFound(path, v.pictures, pictures, v.classes, func(i, width, height int) ([]detect.Detection, error) {
		return maskrcnn.Place(found[i], b.Sizes[i], maskrcnn.Size{Height: height, Width: width})
	})
}
