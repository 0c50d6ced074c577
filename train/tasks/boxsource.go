package tasks

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"sync"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/data/boxes"
	"github.com/bestiary-ml/bestiary/fault"
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

// viewPurpose is that of the random stream of the views of pictures, see [data.NewPhilox].
const viewPurpose = 64

// boxSource yields random views of the pictures of a set, in a new random order each epoch. A view depends on the seed, the epoch and
// the picture alone. Pictures at the end of an epoch that are too few for a batch are left out.
type boxSource struct {
	set      *boxes.Set
	augment  boxes.SSD
	size     int // S
	seed     uint64
	pictures *pictureCache
	order    *data.Order
	list     []int // order of the epoch
	ordered  int   // epoch of list
	at       boxPlace
	batch    BoxBatch // its memory is reused
	n        int      // pictures of a batch
	share    [2]int   // first picture and number of pictures of a batch that Next returns
}

type boxPlace struct {
	Epoch int    `json:"epoch"`
	Index int    `json:"index"` // pictures of the epoch that were shown
	Data  string `json:"data"`  // fingerprint
}

// newBoxSource returns a source at the start of epoch 0.
func newBoxSource(s *boxes.Set, size, batch int, augment boxes.SSD, seed uint64, pictures *pictureCache) (*boxSource, error) {
	n := len(s.Pictures)
	if batch < 1 || batch > n {
		return nil, fault.Field("Batch", batch, "is not possible with %d pictures to train on; use 1 to %d", n, n)
	}
	if err := augment.Validate(); err != nil {
		return nil, err
	}
	return &boxSource{
		set: s, augment: augment, size: size, seed: seed, pictures: pictures, n: batch, share: [2]int{0, batch},
		order: data.NewOrder(make([]int, n), true, false), list: make([]int, n), ordered: -1,
		at:    boxPlace{Data: FingerprintBoxes(s)},
		batch: BoxBatch{Pixels: make([]float32, batch*size*size*3), Objects: make([][]boxes.Object, batch), Size: size},
	}, nil
}

// FingerprintBoxes returns a text that tells sets of pictures apart by the names, sizes and objects of their pictures, in their order.
func FingerprintBoxes(s *boxes.Set) string {
	h := fnv.New64a()
	for _, p := range s.Pictures {
		fmt.Fprintf(h, "%s %d×%d", p.Name, p.Width, p.Height)
		for _, o := range p.Objects {
			fmt.Fprintf(h, " %d %v %t", o.Class, o.Box, o.Crowd)
		}
		fmt.Fprintln(h)
	}
	return fmt.Sprintf("%d-%016x", len(s.Pictures), h.Sum64())
}

// Next implements [train.Source].
func (s *boxSource) Next() (BoxBatch, error) {
	if s.ordered != s.at.Epoch {
		s.order.Fill(s.list, s.seed, s.at.Epoch)
		s.ordered = s.at.Epoch
	}
	b := &s.batch
	from := s.at.Index + s.share[0]
	b.Indices = s.list[from : from+s.share[1]]
	err := each(len(b.Indices), func(k int) error {
		i := b.Indices[k]
		r := rand.New(data.NewPhilox(s.seed, viewPurpose, uint64(s.at.Epoch)<<32|uint64(i)))
		return s.show(k, i, s.augment.Draw(r, s.set.Pictures[i].Width, s.set.Pictures[i].Height, s.set.Pictures[i].Objects))
	})
	if err != nil {
		return BoxBatch{}, err
	}
	if s.at.Index += s.n; s.at.Index+s.n > len(s.list) {
		s.at.Epoch, s.at.Index = s.at.Epoch+1, 0
	}
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
	first, n, err := data.ShareOf(s.n, rank, size)
	if err != nil {
		return err
	}
	s.share = [2]int{first, n}
	s.batch.Pixels, s.batch.Objects = s.batch.Pixels[:n*s.size*s.size*3], s.batch.Objects[:n]
	return nil
}

// Batches implements [train.Source].
func (s *boxSource) Batches() int { return len(s.list) / s.n }

// State implements [train.Source].
func (s *boxSource) State() (json.RawMessage, error) { return json.Marshal(s.at) }

// SetState implements [train.Source].
func (s *boxSource) SetState(state json.RawMessage) error {
	var p boxPlace
	if err := json.Unmarshal(state, &p); err != nil {
		return fmt.Errorf("the state has no position in the pictures (%w); start the training again in another folder", err)
	}
	if p.Data != s.at.Data {
		return fault.Field("Data", nil, "the pictures or their boxes are not those that the run was started with; resume with the same, or start a new run")
	}
	if p.Epoch < 0 || p.Index < 0 || p.Index+s.n > len(s.list) || p.Index%s.n != 0 {
		return fault.Field("Batch", s.n, "picture %d of %d is not the start of a batch; resume with the batch size of the run", p.Index, len(s.list))
	}
	s.at = p
	return nil
}

// pictureCache keeps decoded pictures up to a number of bytes.
type pictureCache struct {
	mutex sync.Mutex
	kept  map[string]*boxes.Image
	left  int // bytes
}

// cachedBytes is the size of a pictureCache.
const cachedBytes = 1 << 30

func newPictureCache() *pictureCache {
	return &pictureCache{kept: map[string]*boxes.Image{}, left: cachedBytes}
}

// read returns a decoded picture, which must not be changed.
func (c *pictureCache) read(p boxes.Picture) (*boxes.Image, error) {
	c.mutex.Lock()
	m := c.kept[p.Name]
	c.mutex.Unlock()
	if m != nil {
		return m, nil
	}
	m, err := p.Read()
	if err != nil {
		return nil, err
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if size := len(m.Pixels); c.kept[p.Name] == nil && size <= c.left {
		c.kept[p.Name] = m
		c.left -= size
	}
	return m, nil
}

// each calls f(0) to f(n−1) in parallel and returns the error of the first that fails.
func each(n int, f func(i int) error) error {
	failures := make([]error, n)
	var wait sync.WaitGroup
	for i := range n {
		wait.Go(func() { failures[i] = f(i) })
	}
	wait.Wait()
	for _, err := range failures {
		if err != nil {
			return err
		}
	}
	return nil
}
