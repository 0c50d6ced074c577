package sample

import (
	"sync"

	"github.com/bestiary-ml/bestiary/data/boxes"
	"github.com/bestiary-ml/bestiary/detect"
	"github.com/bestiary-ml/bestiary/maskrcnn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// finder is what a [Detector] needs of its model.
type finder interface {
	// together is the number of pictures that are computed together.
	together() int
	// show resizes pictures for the model, and returns what computes their objects on the device: by falling score, in pixels of the
	// picture.
	show(d *tensor.Device, pictures []*boxes.Image) (compute func() ([][]detect.Detection, error), err error)
}

// squashing is a model for square pictures of size×size pixels.
type squashing struct {
	model interface {
		// Detect returns the objects in pictures [N, S, S, 3] with values in [−1, 1], by falling score, in shares of the sides.
		Detect(x *tensor.Tensor) [][]detect.Detection
	}
	size int
}

func (s squashing) together() int { return 8 }

func (s squashing) show(d *tensor.Device, pictures []*boxes.Image) (func() ([][]detect.Detection, error), error) {
	values := squashed(pictures, s.size)
	return func() ([][]detect.Detection, error) {
		found := s.model.Detect(d.From(values, len(pictures), s.size, s.size, 3))
		for i := range found {
			for k := range found[i] {
				found[i][k].Box = found[i][k].Box.Scale(float64(pictures[i].Width), float64(pictures[i].Height))
			}
		}
		return found, nil
	}, nil
}

// squashed returns pictures resized to size×size pixels, [N, S, S, 3] with values in [−1, 1].
func squashed(pictures []*boxes.Image, size int) []float32 {
	one := size * size * 3
	values := make([]float32, len(pictures)*one)
	var wait sync.WaitGroup
	for i, m := range pictures {
		wait.Go(func() { boxes.Whole(m.Width, m.Height).Show(values[i*one:(i+1)*one], m, size, size) })
	}
	wait.Wait()
	return values
}

// resizing is a Mask R-CNN, whose pictures keep their aspect ratio.
type resizing struct{ model *maskrcnn.Model }

// together is 1: beside larger pictures, padding would change what is found in a smaller one.
func (r resizing) together() int { return 1 }

func (r resizing) show(d *tensor.Device, pictures []*boxes.Image) (func() ([][]detect.Detection, error), error) {
	sizes := make([]maskrcnn.Size, len(pictures))
	for i, m := range pictures {
		sizes[i] = r.model.Config().Resized(m.Width, m.Height)
	}
	sides := r.model.Config().Sides(sizes)
	pixels, err := r.model.Frame(sizes, sides, func(i int, to []float32) error {
		m := pictures[i]
		boxes.Whole(m.Width, m.Height).Show(to, m, sizes[i].Width, sizes[i].Height)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return func() ([][]detect.Detection, error) {
		found := r.model.Detect(d.From(pixels, len(pictures), sides.Height, sides.Width, 3), sizes)
		all := make([][]detect.Detection, len(found))
		for i, m := range pictures {
			var err error
			if all[i], err = maskrcnn.Place(found[i], sizes[i], maskrcnn.Size{Height: m.Height, Width: m.Width}); err != nil {
				return nil, err
			}
		}
		return all, nil
	}, nil
}
