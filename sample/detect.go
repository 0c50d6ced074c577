package sample

import (
	"context"
	"fmt"

	"github.com/bestiary-ml/bestiary/data/boxes"
	"github.com/bestiary-ml/bestiary/detect"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/ranks"
	"github.com/bestiary-ml/bestiary/maskrcnn"
)

const (
	maxDetected    = 1024  // pictures of a call
	maxDetectSides = 65536 // pixels
)

// Detect returns the objects in each picture, by falling score, with boxes in pixels of the picture, and with masks if [Detector.Masks].
// An SSD squashes pictures to its size; a Mask R-CNN keeps their aspect ratio, and gets them one by one, without padding beyond what its
// strides need. Detections have the least score of the model's Config, which is low: keep those of the score that you need.
// A call takes at most 1024 pictures.
func (p *Detector) Detect(ctx context.Context, pictures []*boxes.Image) ([][]detect.Detection, error) {
	return each(ctx, p, pictures, func(m *boxes.Image, found []maskrcnn.Found) (all []detect.Detection, err error) {
		if p.masks {
			size := maskrcnn.Size{Height: m.Height, Width: m.Width}
			return maskrcnn.Place(found, size, size)
		}
		for _, o := range found {
			all = append(all, o.Detection)
		}
		return all, nil
	})
}

// each finds the objects in pictures, and returns what use makes of those of each.
func each[T any](ctx context.Context, p *Detector, pictures []*boxes.Image, use func(m *boxes.Image, found []maskrcnn.Found) (T, error)) (_ []T, err error) {
	defer fault.Catch(&err)
	if p == nil || p.model == nil {
		return nil, errNoPipeline
	}
	if len(pictures) > maxDetected {
		return nil, fault.Field("Pictures", len(pictures), "must be at most %d in one call; divide them into several calls", maxDetected)
	}
	for i, m := range pictures {
		if m == nil || m.Width < 1 || m.Height < 1 || m.Width > maxDetectSides || m.Height > maxDetectSides || len(m.Pixels) != 3*m.Width*m.Height {
			return nil, fault.Field("Pictures", nil, "must have 3 bytes for each of their pixels, and picture %d doesn't", i)
		}
	}
	return ranks.Divide(p.device, len(pictures), p.model.together(), func(lo, hi int) ([]T, error) {
		found, err := p.find(ctx, pictures[lo:hi])
		if err != nil {
			return nil, err
		}
		all := make([]T, len(found))
		for i, own := range found {
			if all[i], err = use(pictures[lo+i], own); err != nil {
				return nil, err
			}
		}
		return all, nil
	})
}

// find finds the objects in a batch.
func (p *Detector) find(ctx context.Context, pictures []*boxes.Image) ([][]maskrcnn.Found, error) {
	compute, err := p.model.show(p.device, pictures)
	if err != nil {
		return nil, err
	}
	found, err := exclusive(ctx, p.device, func() ([][]maskrcnn.Found, error) {
		step := p.device.Scratch()
		defer step.End()
		return compute()
	})
	if err != nil {
		return nil, err
	}
	if len(found) != len(pictures) {
		return nil, fmt.Errorf("sample: the detector answered for %d of %d pictures", len(found), len(pictures))
	}
	for i, m := range pictures {
		for k := range found[i] {
			found[i][k].Box = found[i][k].Box.Clip(float64(m.Width), float64(m.Height))
		}
	}
	return found, nil
}
