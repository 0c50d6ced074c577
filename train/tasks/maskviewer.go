package tasks

import (
	"fmt"
	"image"
	"image/color"
	"math"

	"github.com/bestiary-ml/bestiary/data/boxes"
	"github.com/bestiary-ml/bestiary/detect"
	"github.com/bestiary-ml/bestiary/eval/detection"
	"github.com/bestiary-ml/bestiary/internal/ranks"
	"github.com/bestiary-ml/bestiary/maskrcnn"
	"github.com/bestiary-ml/bestiary/sample/layout"
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
	return showMasked(v.model, v.pictures, pictures, views, maskrcnn.Sides(sizes))
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
		for i, part := range []*tensor.Tensor{l.Objectness, l.Proposals, l.Classification, l.Boxes, l.Masks} {
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

// draw writes pictures with the boxes of their objects, in white, and with the masks and boxes that are found.
func (v *maskViewer) draw(path string, pictures []boxes.Picture) error {
	b, err := v.whole(pictures)
	if err != nil {
		return err
	}
	found := v.model.Detect(b.Tensor(v.device), b.Sizes)
	var images []*image.NRGBA
	for i, p := range pictures {
		m, err := v.pictures.read(p)
		if err != nil {
			return err
		}
		scale := min(1, drawnSide/float64(max(p.Width, p.Height)))
		size := maskrcnn.Size{Height: max(1, int(float64(p.Height)*scale)), Width: max(1, int(float64(p.Width)*scale))}
		own, err := maskrcnn.Place(found[i], b.Sizes[i], size)
		if err != nil {
			return err
		}
		img := shrink(m, size.Width, size.Height)
		var all []layout.Box
		for _, o := range p.Objects {
			all = append(all, drawnBox(o.Box.Scale(scale, scale), "", color.NRGBA{255, 255, 255, 255}))
		}
		for _, d := range own {
			if d.Score < drawnScore {
				continue
			}
			if err := layout.DrawMask(img, *d.Mask, layout.ClassColour(d.Class)); err != nil {
				return err
			}
			all = append(all, drawnBox(d.Box, fmt.Sprintf("%s %.2f", v.classes[d.Class], d.Score), layout.ClassColour(d.Class)))
		}
		if err := layout.DrawBoxes(img, all...); err != nil {
			return err
		}
		images = append(images, img)
	}
	return saveGrid(path, images)
}
