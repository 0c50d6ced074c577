package sample

import (
	"context"
	"image"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/data/boxes"
)

// subjectScore is the least score of a subject that pictures are cut around.
const subjectScore = 0.5

// Subjects returns what finds the subjects of pictures for [data.Options]: the detection with the highest score, if that is at least 0.5.
func (p *Detector) Subjects() data.Subjects {
	return func(ctx context.Context, pictures []image.Image) ([]data.Box, error) {
		images := make([]*boxes.Image, len(pictures))
		for i, m := range pictures {
			images[i] = boxes.NewImage(m)
		}
		found, err := p.Detect(ctx, images)
		if err != nil {
			return nil, err
		}
		all := make([]data.Box, len(found))
		for i, own := range found {
			if len(own) > 0 && own[0].Score >= subjectScore {
				x, y, width, height := own[0].Box.Size()
				all[i] = data.Box{X: x, Y: y, Width: width, Height: height}
			}
		}
		return all, nil
	}
}
