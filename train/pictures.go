package train

import (
	"encoding/json"
	"fmt"

	"github.com/bestiary-ml/bestiary/data"
)

// Pictures is a [Source] of the batches of a [data.Loader]. Batches that are too small, at the end of an epoch, are
// left out.
type Pictures struct {
	Pixels []float32 // [Batch, S, S, C] in [-1, 1], of the current batch
	Labels []int     // [Batch]

	batch       *data.Batch // the current one
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

// Next implements Source.
func (p *Pictures) Next() (int, error) {
	p.batch = p.loader.Next()
	p.Pixels, p.Labels = p.batch.Pixels, p.batch.Labels
	return p.batch.Len(), nil
}

// Batches implements Source.
func (p *Pictures) Batches() int { return p.loader.Batches() }

type picturesState struct {
	data.Position
	Data string `json:"data"` // fingerprint
}

// State implements Source.
func (p *Pictures) State() (json.RawMessage, error) {
	return json.Marshal(picturesState{p.loader.Position(), p.fingerprint})
}

// SetState implements Source.
func (p *Pictures) SetState(state json.RawMessage) error {
	var s picturesState
	if err := json.Unmarshal(state, &s); err != nil {
		return fmt.Errorf("--resume: the place in the data cannot be understood (%w); start the training again in another folder", err)
	}
	if s.Data != p.fingerprint {
		return fmt.Errorf("--data: the pictures are not those that the run was started with (%s, now %s); resume with the same, or start a new run",
			s.Data, p.fingerprint)
	}
	return p.loader.Seek(s.Position)
}

// Close ends the loader's goroutine.
func (p *Pictures) Close() { p.loader.Close() }
