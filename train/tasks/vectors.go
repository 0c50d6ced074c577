package tasks

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/train"
)

// vectors is a train.Source of batches of labelled rows.
type vectors struct {
	rows        []float32 // [N, dim]
	labels      []int     // [N]
	dim         int
	seed        uint64
	fingerprint string

	order *data.Order
	list  []int // the epoch's rows
	at    data.Position
	batch []float32 // [batch, dim]
	class []int     // [batch]
}

func newVectors(rows []float32, labels []int, dim, batch int, balance bool, seed uint64, fingerprint string) (*vectors, error) {
	if batch > len(labels) {
		return nil, fmt.Errorf("--batch %d: is more than the %d pictures; choose a smaller one", batch, len(labels))
	}
	v := &vectors{
		rows: rows, labels: labels, dim: dim, seed: seed, fingerprint: fingerprint,
		order: data.NewOrder(labels, true, balance), list: make([]int, len(labels)),
		batch: make([]float32, batch*dim), class: make([]int, batch),
	}
	v.order.Fill(v.list, seed, 0)
	return v, nil
}

// Next implements train.Source. What doesn't fill a batch at the end of an epoch is left out.
func (v *vectors) Next() (int, error) {
	for i := range v.class {
		row := v.list[v.at.Index+i]
		v.class[i] = v.labels[row]
		copy(v.batch[i*v.dim:(i+1)*v.dim], v.rows[row*v.dim:])
	}
	v.at.Index += len(v.class)
	if v.at.Index+len(v.class) > len(v.list) {
		v.at = data.Position{Epoch: v.at.Epoch + 1}
		v.order.Fill(v.list, v.seed, v.at.Epoch)
	}
	return len(v.class), nil
}

// Batches implements train.Source.
func (v *vectors) Batches() int { return len(v.list) / len(v.class) }

// State implements train.Source.
func (v *vectors) State() (json.RawMessage, error) { return json.Marshal(place{v.at, v.fingerprint}) }

// SetState implements train.Source.
func (v *vectors) SetState(state json.RawMessage) error {
	at, err := parsePlace(state, v.fingerprint)
	if err != nil {
		return err
	}
	if at.Epoch < 0 || at.Index < 0 || at.Index+len(v.class) > len(v.list) {
		return errors.New("the place in the data is outside of it; resume with the same --data and --batch")
	}
	v.at = at
	v.order.Fill(v.list, v.seed, at.Epoch)
	return nil
}

// Check implements train.Checker.
func (v *vectors) Check() error {
	return train.CheckFinite(v.batch, v.dim, func(i int) string { return fmt.Sprintf("embedding %d of the batch", i) })
}
