package train

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/tensor"
)

// PictureBatch is a [data.Batch] of N square pictures with S×S pixels of C channels. [Pictures] overwrites it with the
// next one.
type PictureBatch struct {
	Pixels         []float32 // [N, S, S, C] in [−1, 1]
	Labels         []int     // [N] classes
	Indices        []int     // [N] of the pictures in the dataset
	Captions       []string  // [N] one caption of each picture, "" if it has none
	Size, Channels int       // S and C
}

// Len implements [Batch].
func (b PictureBatch) Len() int { return len(b.Labels) }

// Tensor copies the pixels to a device: [N, S, S, C].
func (b PictureBatch) Tensor(d *tensor.Device) *tensor.Tensor {
	return d.From(b.Pixels, b.Len(), b.Size, b.Size, b.Channels)
}

// Pictures is a [Source] of the pictures of a dataset, varied and ordered as its [data.LoaderOptions] say. The last batch
// of an epoch is left out if it is smaller than the others.
type Pictures struct {
	dataset     *data.Dataset
	loader      *data.Loader
	fingerprint string
}

// NewPictures returns a source at the start of epoch 0; o.DropLast is implied. Close it.
func NewPictures(d *data.Dataset, o data.LoaderOptions) (*Pictures, error) {
	o.DropLast = true
	loader, err := data.NewLoader(d, o)
	if err != nil {
		return nil, err
	}
	return &Pictures{dataset: d, loader: loader, fingerprint: d.Fingerprint()}, nil
}

// Next implements [Source].
func (p *Pictures) Next() (PictureBatch, error) {
	if p.loader == nil {
		return PictureBatch{}, errNotMade
	}
	b := p.loader.Next()
	return PictureBatch{
		Pixels: b.Pixels, Labels: b.Labels, Indices: b.Indices, Captions: b.Captions,
		Size: p.dataset.Size, Channels: max(p.dataset.Channels, 3),
	}, nil
}

// Batches implements [Source].
func (p *Pictures) Batches() int {
	if p.loader == nil {
		return 0
	}
	return p.loader.Batches()
}

type picturesState struct {
	data.Position
	Data string `json:"data"` // fingerprint
}

// State implements [Source].
func (p *Pictures) State() (json.RawMessage, error) {
	if p.loader == nil {
		return nil, errNotMade
	}
	return json.Marshal(picturesState{p.loader.Position(), p.fingerprint})
}

// SetState implements [Source].
func (p *Pictures) SetState(state json.RawMessage) error {
	if p.loader == nil {
		return errNotMade
	}
	var s picturesState
	if err := json.Unmarshal(state, &s); err != nil {
		return errNoPosition(err)
	}
	if s.Data != p.fingerprint {
		return fault.Field("Data", nil, "the pictures are not those that the run was started with (%s, now %s); resume with the same, or start a new run",
			s.Data, p.fingerprint)
	}
	return p.loader.Seek(s.Position)
}

// Share makes Next return the rank's share of each batch, see [data.Loader.Share].
func (p *Pictures) Share(rank, size int) error {
	if p.loader == nil {
		return errNotMade
	}
	return p.loader.Share(rank, size)
}

// Vary scales the augmentation of the batches from the next one on, see [data.Loader.Vary].
func (p *Pictures) Vary(strength float64) error {
	if p.loader == nil {
		return errNotMade
	}
	return p.loader.Vary(strength)
}

// errNotMade is the error of a source that is a zero value.
var errNotMade = errors.New("train: the source is a zero value; make one with NewPictures or NewCaptioned")

// errNoPosition is the error for a saved position that is not what State returned.
func errNoPosition(err error) error {
	return fmt.Errorf("the position in the data of the checkpoint can't be understood (%w); start the training again in another folder", err)
}

// Close ends the goroutine that prepares batches.
func (p *Pictures) Close() { p.loader.Close() }
