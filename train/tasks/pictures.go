// Package tasks says how each model is trained: on which batches, by which loss, and how it is watched.
package tasks

import (
	"encoding/json"
	"fmt"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/train"
)

// pictures is a train.Source of batches of pictures.
type pictures struct {
	dataset *data.Dataset
	loader  *data.Loader
	pixels  []float32 // [batch, S, S, 3]
	labels  []int
	n       int // pictures in the present batch
}

func newPictures(d *data.Dataset, o data.LoaderOptions) (*pictures, error) {
	o.Shuffle = true
	o.DropLast = o.Batch <= d.Len() // a last batch of another size would take memory of its own, one of one row break batch norm
	l, err := data.NewLoader(d, o)
	if err != nil {
		return nil, err
	}
	return &pictures{
		dataset: d, loader: l, pixels: make([]float32, o.Batch*d.Size*d.Size*3), labels: make([]int, o.Batch),
	}, nil
}

// batch uploads the present batch, [n, S, S, 3].
func (p *pictures) batch(d *tensor.Device) *tensor.Tensor {
	size := p.dataset.Size
	return d.From(p.pixels[:p.n*size*size*3], p.n, size, size, 3)
}

// Next implements train.Source.
func (p *pictures) Next() (int, error) {
	p.n = p.loader.Next(p.pixels, p.labels)
	return p.n, nil
}

// Batches implements train.Source.
func (p *pictures) Batches() int { return p.loader.Batches() }

// place is where a source is in which data.
type place struct {
	data.Position
	Fingerprint string `json:"fingerprint"`
}

// State implements train.Source.
func (p *pictures) State() (json.RawMessage, error) {
	return json.Marshal(place{p.loader.Position(), p.dataset.Fingerprint()})
}

// SetState implements train.Source.
func (p *pictures) SetState(state json.RawMessage) error {
	at, err := parsePlace(state, p.dataset.Fingerprint())
	if err != nil {
		return err
	}
	return p.loader.Seek(at)
}

func parsePlace(state json.RawMessage, fingerprint string) (data.Position, error) {
	var at place
	if err := json.Unmarshal(state, &at); err != nil {
		return at.Position, fmt.Errorf("the place in the data cannot be understood (%w); start the training anew", err)
	}
	if at.Fingerprint != fingerprint {
		return at.Position, fmt.Errorf("the pictures are not those that the run was started with; resume with the same --data, or start a new run")
	}
	return at.Position, nil
}

var _ train.Source = (*pictures)(nil)
