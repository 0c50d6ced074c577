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
	// pixels is the largest number of pixels that a picture has when the model sees it.
	pixels() int
	// show resizes pictures for the model, and returns what computes their objects on the device: by falling score, in pixels of the
	// picture. An SSD leaves Probabilities nil.
	show(d *tensor.Device, pictures []*boxes.Image) (compute func() ([][]maskrcnn.Found, error), err error)
}

// squashedTogether is the number of square pictures that are computed together.
const squashedTogether = 8

// squashing is a model for square pictures of size×size pixels.
type squashing struct {
	model interface {
		// Detect returns the objects in pictures [N, S, S, 3] with values in [−1, 1], by falling score, in shares of the sides.
		Detect(x *tensor.Tensor) [][]detect.Detection
	}
	size int
}

func (s squashing) together() int { return squashedTogether }

func (s squashing) pixels() int { return s.size * s.size }

func (s squashing) show(d *tensor.Device, pictures []*boxes.Image) (func() ([][]maskrcnn.Found, error), error) {
	values := squashed(pictures, s.size)
	return func() ([][]maskrcnn.Found, error) {
		found := s.model.Detect(d.From(values, len(pictures), s.size, s.size, 3))
		return unsquashed(found, pictures), nil
	}, nil
}

// unsquashed returns what a model for square pictures has found, in shares of the sides, in pixels of the pictures.
func unsquashed(found [][]detect.Detection, pictures []*boxes.Image) [][]maskrcnn.Found {
	all := make([][]maskrcnn.Found, len(found))
	for i := range found {
		for _, o := range found[i] {
			o.Box = o.Box.Scale(float64(pictures[i].Width), float64(pictures[i].Height))
			all[i] = append(all[i], maskrcnn.Found{Detection: o})
		}
	}
	return all
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

func (r resizing) pixels() int { return resizedPixels(r.model.Config()) }

// resizedPixels is the largest number of pixels that a picture has when a Mask R-CNN sees it.
func resizedPixels(c maskrcnn.Config) int {
	sides := c.Sides([]maskrcnn.Size{{Height: c.MinSide, Width: c.MaxSide}})
	return sides.Height * sides.Width
}

func (r resizing) show(d *tensor.Device, pictures []*boxes.Image) (func() ([][]maskrcnn.Found, error), error) {
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
	return func() ([][]maskrcnn.Found, error) {
		found := r.model.Detect(d.From(pixels, len(pictures), sides.Height, sides.Width, 3), sizes)
		for i, m := range pictures {
			placed(found[i], sizes[i], m)
		}
		return found, nil
	}, nil
}

// placed moves what was found in a picture of a size, as the model has seen it, to the picture itself.
func placed(found []maskrcnn.Found, seen maskrcnn.Size, m *boxes.Image) {
	for k, o := range found {
		found[k] = o.In(seen, maskrcnn.Size{Height: m.Height, Width: m.Width})
	}
}
