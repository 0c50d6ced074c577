package eval

import (
	"context"
	"image"
	"math/rand/v2"
	"slices"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/data/boxes"
	"github.com/bestiary-ml/bestiary/detect"
	"github.com/bestiary-ml/bestiary/sample"
)

// Found says in how many samples a detector finds an object. The floor is the share of held-out photos.
type Found struct {
	Detector string    `json:"detector,omitempty"` // its run
	Score    float64   `json:"score"`              // least score of a detection
	Any      *Compared `json:"any"`                // an object of any class
	Right    *Compared `json:"right,omitempty"`    // the object of the highest score is of the class asked for; nil if the detector doesn't know these
	Noise    *Estimate `json:"noise"`              // an object of any class in pictures of uniform noise: what the detector finds where nothing is
}

// foundScore is the least score of a detection unless the options have another one.
const foundScore = 0.5

// purposeNoise is that of the random streams of pictures of noise; see [data.NewPhilox].
const purposeNoise = 0x6e7a

// find looks for objects in samples, held-out photos, and noise.
func (r *Reference) find(ctx context.Context, q *Quality, g *sample.Generator) error {
	d := r.options.Detector
	least := r.options.DetectorScore
	if least == 0 {
		least = foundScore
	}
	drawn, err := best(ctx, d, q.images)
	if err != nil {
		return err
	}
	photos, err := best(ctx, d, sample.Split(r.heldOut.Pixels, r.heldOut.Size, max(r.heldOut.Channels, 3)))
	if err != nil {
		return err
	}
	blank, err := best(ctx, d, noise(len(q.images), g.Size))
	if err != nil {
		return err
	}
	share := func(all []detect.Detection, right func(i, class int) bool) []float64 {
		hits := make([]float64, len(all))
		for i, best := range all {
			if best.Score >= least && (right == nil || right(i, best.Class)) {
				hits[i] = 1
			}
		}
		return hits
	}
	floor, none := EstimateShare(share(photos, nil)), EstimateShare(share(blank, nil))
	q.Found = &Found{Detector: d.Run(), Score: least, Any: &Compared{Estimate: EstimateShare(share(drawn, nil)), Floor: &floor}, Noise: &none}
	if g.Classes == nil || len(d.Classes()) < 2 {
		return nil
	}
	own, err := numbersOf(r.heldOut.Classes, d.Classes())
	if err != nil {
		return nil // the detector has other classes, such as breeds
	}
	real := EstimateShare(share(photos, func(i, class int) bool { return class == own[r.heldOut.Label(i)] }))
	asked := share(drawn, func(i, class int) bool { return class == own[r.heldOut.Label(r.chosen[i])] })
	q.Found.Right = &Compared{Estimate: EstimateShare(asked), Floor: &real}
	return nil
}

// bestOf is the number of pictures that a call of a detector takes: enough for many ranks.
const bestOf = 256

// best returns the detection of the highest score in each picture, with score 0 if there is none.
func best(ctx context.Context, d Detector, pictures []*image.NRGBA) ([]detect.Detection, error) {
	all := make([]detect.Detection, 0, len(pictures))
	for batch := range slices.Chunk(pictures, bestOf) {
		images := make([]*boxes.Image, len(batch))
		for i, m := range batch {
			images[i] = boxes.NewImage(m)
		}
		found, err := d.Detect(ctx, images)
		if err != nil {
			return nil, err
		}
		for _, own := range found {
			var best detect.Detection
			for _, o := range own {
				if o.Score > best.Score {
					best = o
				}
			}
			all = append(all, best)
		}
	}
	return all, nil
}

// noise returns pictures whose pixels are uniform noise, always the same.
func noise(n, size int) []*image.NRGBA {
	all := make([]*image.NRGBA, n)
	for i := range all {
		r := rand.New(data.NewPhilox(0, purposeNoise, uint64(i)))
		all[i] = image.NewNRGBA(image.Rect(0, 0, size, size))
		for k := range all[i].Pix {
			if all[i].Pix[k] = 255; k%4 != 3 {
				all[i].Pix[k] = uint8(r.Uint32() >> 24)
			}
		}
	}
	return all
}
