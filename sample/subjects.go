package sample

import (
	"context"
	"image"
	"math"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/data/boxes"
	"github.com/bestiary-ml/bestiary/maskrcnn"
)

// subjectScore is the least score of a subject that pictures are cut around.
const subjectScore = 0.5

// Subjects returns what finds the subjects of pictures for [data.Options]: the detection with the highest score, if that is at least 0.5.
// If [Detector.Masks], a subject has a mask.
func (p *Detector) Subjects() data.Subjects {
	return func(ctx context.Context, pictures []image.Image) ([]data.Subject, error) {
		images := make([]*boxes.Image, len(pictures))
		for i, m := range pictures {
			images[i] = boxes.NewImage(m)
		}
		return each(ctx, p, images, func(_ *boxes.Image, found []maskrcnn.Found) (data.Subject, error) {
			if len(found) == 0 || found[0].Score < subjectScore {
				return data.Subject{}, nil
			}
			x, y, width, height := found[0].Box.Size()
			s := data.Subject{Box: data.Box{X: x, Y: y, Width: width, Height: height}}
			if p.masks {
				s.Mask = softMask(s.Box, found[0].Probabilities)
			}
			return s, nil
		})
	}
}

// softMask returns the probabilities of a box as a mask.
func softMask(box data.Box, probabilities []float32) *data.SoftMask {
	m := &data.SoftMask{Box: box, Side: int(math.Sqrt(float64(len(probabilities)))), Values: make([]uint8, len(probabilities))}
	for i, p := range probabilities {
		m.Values[i] = uint8(255*p + 0.5)
	}
	return m
}
