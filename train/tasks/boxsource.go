package tasks

import (
	"github.com/bestiary-ml/bestiary/data/boxes"
	"github.com/bestiary-ml/bestiary/tensor"
)

// BoxBatch is a batch of N square pictures of S×S pixels with the objects in them.
type BoxBatch struct {
	Pixels  []float32        // [N, S, S, 3] in [−1, 1]
	Objects [][]boxes.Object // [N] with boxes in pixels of the S×S picture
	Indices []int            // [N] of the pictures in the dataset
	Size    int              // S
}

// Len implements [train.Batch].
func (b BoxBatch) Len() int { return len(b.Indices) }

// Tensor copies the pixels to a device: [N, S, S, 3].
func (b BoxBatch) Tensor(d *tensor.Device) *tensor.Tensor {
	return d.From(b.Pixels, b.Len(), b.Size, b.Size, 3)
}

// boxSource yields random views of the pictures of a set, see [boxOrder].
type boxSource struct {
	*boxOrder
	augment  boxes.SSD
	size     int // S
	pictures *pictureCache
	batch    BoxBatch // its memory is reused
}

// newBoxSource returns a source at the start of epoch 0.
func newBoxSource(s *boxes.Set, size, batch int, augment boxes.SSD, seed uint64, pictures *pictureCache) (*boxSource, error) {
	order, err := newBoxOrder(s, batch, seed)
	if err != nil {
		return nil, err
	}
	if err := augment.Validate(); err != nil {
		return nil, err
	}
	return &boxSource{
		boxOrder: order, augment: augment, size: size, pictures: pictures,
		batch: BoxBatch{Pixels: make([]float32, batch*size*size*3), Objects: make([][]boxes.Object, batch), Size: size},
	}, nil
}

// Next implements [train.Source].
func (s *boxSource) Next() (BoxBatch, error) {
	b := &s.batch
	b.Indices = s.own()
	err := each(len(b.Indices), func(k int) error {
		i := b.Indices[k]
		return s.show(k, i, s.view(i, s.augment))
	})
	if err != nil {
		return BoxBatch{}, err
	}
	s.advance()
	return *b, nil
}

// show writes the view of picture i to place k of the batch.
func (s *boxSource) show(k, i int, v boxes.View) error {
	m, err := s.pictures.read(s.set.Pictures[i])
	if err != nil {
		return err
	}
	one := s.size * s.size * 3
	v.Show(s.batch.Pixels[k*one:(k+1)*one], m, s.size, s.size)
	s.batch.Objects[k] = usable(v.Objects(s.set.Pictures[i].Objects, s.size, s.size))
	return nil
}

// usable returns the objects that a detector is trained on: no crowds, and none of which less than a pixel is seen.
func usable(objects []boxes.Object) (all []boxes.Object) {
	for _, o := range objects {
		if !o.Crowd && o.Box.Width() >= 1 && o.Box.Height() >= 1 {
			all = append(all, o)
		}
	}
	return all
}

// Share makes Next return one of size equal shares of each batch, that with the number rank.
func (s *boxSource) Share(rank, size int) error {
	if err := s.boxOrder.Share(rank, size); err != nil {
		return err
	}
	n := s.share[1]
	s.batch.Pixels, s.batch.Objects = s.batch.Pixels[:n*s.size*s.size*3], s.batch.Objects[:n]
	return nil
}
