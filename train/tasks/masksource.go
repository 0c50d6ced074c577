package tasks

import (
	"github.com/bestiary-ml/bestiary/data/boxes"
	"github.com/bestiary-ml/bestiary/maskrcnn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// MaskBatch is a batch of N pictures of different sizes, padded to H×W pixels, with the objects in them.
type MaskBatch struct {
	Pixels  []float32           // [N, H, W, 3] in [−1, 1]
	Sides   maskrcnn.Size       // H and W
	Sizes   []maskrcnn.Size     // [N] without padding
	Targets [][]maskrcnn.Target // [N] in pixels of the resized picture
	Indices []int               // [N] of the pictures in the dataset
}

// Len implements [train.Batch].
func (b MaskBatch) Len() int { return len(b.Indices) }

// Tensor copies the pixels to a device: [N, H, W, 3].
func (b MaskBatch) Tensor(d *tensor.Device) *tensor.Tensor {
	return d.From(b.Pixels, b.Len(), b.Sides.Height, b.Sides.Width, 3)
}

// maskSource yields random views of the pictures of a set with masks, see [boxOrder]. A batch is padded to the largest of its pictures,
// including those of other ranks: padding has anchors too.
type maskSource struct {
	*boxOrder
	augment  boxes.SSD
	model    *maskrcnn.Model
	pictures *pictureCache
}

// newMaskSource returns a source at the start of epoch 0.
func newMaskSource(s *boxes.Set, m *maskrcnn.Model, batch int, augment boxes.SSD, seed uint64, pictures *pictureCache) (*maskSource, error) {
	order, err := newBoxOrder(s, batch, seed)
	if err != nil {
		return nil, err
	}
	return &maskSource{order, augment, m, pictures}, augment.Validate()
}

// Next implements [train.Source].
func (s *maskSource) Next() (MaskBatch, error) {
	var views []boxes.View
	var sizes []maskrcnn.Size
	for _, i := range s.whole() {
		v := s.view(i, s.augment)
		views, sizes = append(views, v), append(sizes, resized(s.model, v))
	}
	var own []boxes.Picture
	for _, i := range s.own() {
		own = append(own, s.set.Pictures[i])
	}
	b, err := showMasked(s.model, s.pictures, own, views[s.share[0]:][:s.share[1]], maskrcnn.Sides(sizes))
	if err != nil {
		return MaskBatch{}, err
	}
	b.Indices = s.own()
	s.advance()
	return b, nil
}

// resized returns the size of a view of a picture for a model.
func resized(m *maskrcnn.Model, v boxes.View) maskrcnn.Size {
	return m.Config().Resized(max(1, int(v.Cut.Width())), max(1, int(v.Cut.Height())))
}

// showMasked returns a batch of views of pictures, padded to sides.
func showMasked(m *maskrcnn.Model, cache *pictureCache, pictures []boxes.Picture, views []boxes.View, sides maskrcnn.Size) (MaskBatch, error) {
	b := MaskBatch{Sides: sides, Targets: make([][]maskrcnn.Target, len(pictures))}
	for i, v := range views {
		b.Sizes, b.Indices = append(b.Sizes, resized(m, v)), append(b.Indices, i)
	}
	var err error
	b.Pixels, err = m.Frame(b.Sizes, sides, func(i int, pixels []float32) error {
		image, err := cache.read(pictures[i])
		if err != nil {
			return err
		}
		size := b.Sizes[i]
		views[i].Show(pixels, image, size.Width, size.Height)
		for _, o := range usable(views[i].Objects(pictures[i].Objects, size.Width, size.Height)) {
			covered, err := o.Mask.RLE(size.Width, size.Height)
			if err != nil {
				return err
			}
			if covered.Area() > 0 { // small objects may vanish
				b.Targets[i] = append(b.Targets[i], maskrcnn.Target{Class: o.Class, Box: o.Box, Mask: covered})
			}
		}
		return nil
	})
	return b, err
}
