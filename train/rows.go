package train

import (
	"encoding/json"
	"fmt"
	"hash/crc32"
	"math"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/internal/usage"
)

// Rows is a [Source] of batches of rows that are held in memory, in a new random order each epoch. What is left at the
// end of an epoch and too little for a batch is left out.
type Rows struct {
	X      []float32 // [Batch, D], the current batch
	Labels []int     // [Batch], nil without labels

	x       []float32 // [N, D]
	labels  []int     // [N] or nil
	n, d    int
	batch   int
	seed    uint64
	order   *data.Order
	list    []int // the epoch's rows
	ordered int   // the epoch
	at      rowsPlace
	current []int // indices of the current batch
}

type rowsPlace struct {
	Epoch int    `json:"epoch"`
	Index int    `json:"index"` // rows of the epoch that went before
	Data  string `json:"data"`  // tells other data apart
}

// NewRows returns a source of the rows of x [N, D] with their labels [N], which may be nil. Balanced, it shows every
// label equally often.
func NewRows(x []float32, d int, labels []int, batch int, balance bool, seed uint64) (*Rows, error) {
	n := len(x) / d
	if n*d != len(x) || labels != nil && len(labels) != n {
		return nil, fmt.Errorf("train: %d values and %d labels don't make rows of %d; give whole rows with a label each", len(x), len(labels), d)
	}
	if batch < 1 || batch > n {
		return nil, usage.Errorf("--batch %d: is not possible with %d rows to train on; choose 1 to %d", batch, n, n)
	}
	r := &Rows{
		X: make([]float32, batch*d), x: x, labels: labels, n: n, d: d, batch: batch,
		seed: seed, order: data.NewOrder(labels, true, balance), list: make([]int, n), ordered: -1,
	}
	if labels != nil {
		r.Labels = make([]int, batch)
	}
	r.at.Data = fmt.Sprintf("%d×%d-%08x", n, d, checksum(x, labels))
	return r, nil
}

func checksum(x []float32, labels []int) uint32 {
	h := crc32.NewIEEE()
	var word [4]byte
	add := func(v uint32) {
		word = [4]byte{byte(v), byte(v >> 8), byte(v >> 16), byte(v >> 24)}
		h.Write(word[:])
	}
	for _, v := range x {
		add(math.Float32bits(v))
	}
	for _, l := range labels {
		add(uint32(l))
	}
	return h.Sum32()
}

// Next implements Source.
func (r *Rows) Next() (int, error) {
	if r.ordered != r.at.Epoch { // an epoch's order depends on the seed and its number alone
		r.order.Fill(r.list, r.seed, r.at.Epoch)
		r.ordered = r.at.Epoch
	}
	r.current = r.list[r.at.Index : r.at.Index+r.batch]
	for k, i := range r.current {
		copy(r.X[k*r.d:(k+1)*r.d], r.x[i*r.d:])
		if r.labels != nil {
			r.Labels[k] = r.labels[i]
		}
	}
	if r.at.Index += r.batch; r.at.Index+r.batch > r.n {
		r.at.Epoch, r.at.Index = r.at.Epoch+1, 0
	}
	return r.batch, nil
}

// Batches implements Source.
func (r *Rows) Batches() int { return r.n / r.batch }

// State implements Source.
func (r *Rows) State() (json.RawMessage, error) { return json.Marshal(r.at) }

// SetState implements Source.
func (r *Rows) SetState(state json.RawMessage) error {
	var p rowsPlace
	if err := json.Unmarshal(state, &p); err != nil {
		return fmt.Errorf("--resume: the place in the data cannot be understood (%w); start the training again in another folder", err)
	}
	if p.Data != r.at.Data {
		return fmt.Errorf("--data: the rows are not those that the run was started with (%s, now %s); resume with the same, or start a new run",
			p.Data, r.at.Data)
	}
	if p.Epoch < 0 || p.Index < 0 || p.Index+r.batch > r.n || p.Index%r.batch != 0 {
		return fmt.Errorf("--batch %d: row %d of %d isn't where a batch starts; resume with the batch size of the run", r.batch, p.Index, r.n)
	}
	r.at = p
	return nil
}

// Check implements Checker.
func (r *Rows) Check() error {
	return CheckFinite(r.X, r.d, func(i int) string { return fmt.Sprintf("row %d", r.current[i]) })
}
