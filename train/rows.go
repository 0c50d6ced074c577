package train

import (
	"encoding/json"
	"fmt"
	"hash/crc32"
	"math"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/tensor"
)

// RowBatch is a batch of N rows of D numbers. [Rows] overwrites it with the next one.
type RowBatch struct {
	X       []float32 // [N, D]
	Labels  []int     // [N], nil without labels
	Indices []int     // [N] of the rows
	Dim     int       // D
}

// Len implements [Batch].
func (b RowBatch) Len() int { return len(b.Indices) }

// Tensor copies the rows to a device: [N, D].
func (b RowBatch) Tensor(d *tensor.Device) *tensor.Tensor { return d.From(b.X, b.Len(), b.Dim) }

// Check returns an error if the batch holds NaN or infinities, for [Task.Check].
func (b RowBatch) Check() error {
	return CheckFinite(b.X, b.Dim, func(i int) string { return fmt.Sprintf("row %d", b.Indices[i]) })
}

// Rows is a [Source] of rows that are held in memory, in a new random order each epoch. Rows at the end of an epoch that
// are too few for a batch are left out.
type Rows struct {
	x       []float32 // [rows, D]
	labels  []int     // [rows] or nil
	n, d    int       // rows and D
	seed    uint64
	order   *data.Order
	list    []int // order of the epoch
	ordered int   // epoch of list
	at      rowsPlace
	size    int      // of a batch
	share   [2]int   // first row and number of rows of a batch that Next returns, N
	batch   RowBatch // its memory is reused
}

type rowsPlace struct {
	Epoch int    `json:"epoch"`
	Index int    `json:"index"` // rows of the epoch that were shown
	Data  string `json:"data"`  // fingerprint
}

// NewRows returns a source of the rows of x [rows, dim] with their labels [rows], which may be nil. With balance, every
// label is shown equally often.
func NewRows(x []float32, dim int, labels []int, batch int, balance bool, seed uint64) (*Rows, error) {
	n := len(x) / max(dim, 1)
	if n*dim != len(x) || labels != nil && len(labels) != n {
		return nil, fmt.Errorf("train: %d values and %d labels don't make rows of %d; give whole rows with a label each", len(x), len(labels), dim)
	}
	if batch < 1 || batch > n {
		return nil, fault.Field("Batch", batch, "is not possible with %d rows to train on; use 1 to %d", n, n)
	}
	r := &Rows{
		x: x, labels: labels, n: n, d: dim, size: batch,
		share: [2]int{0, batch}, seed: seed, order: data.NewOrder(labels, true, balance), list: make([]int, n), ordered: -1,
		batch: RowBatch{X: make([]float32, batch*dim), Dim: dim}, // [N, D]
	}
	if labels != nil {
		r.batch.Labels = make([]int, batch)
	}
	r.at.Data = fmt.Sprintf("%d×%d-%08x", n, dim, checksum(x, labels))
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

// Next implements [Source].
func (r *Rows) Next() (RowBatch, error) {
	if r.ordered != r.at.Epoch { // the order depends on the seed and the epoch alone
		r.order.Fill(r.list, r.seed, r.at.Epoch)
		r.ordered = r.at.Epoch
	}
	b := &r.batch
	from := r.at.Index + r.share[0]
	b.Indices = r.list[from : from+r.share[1]]
	for k, i := range b.Indices {
		copy(b.X[k*r.d:(k+1)*r.d], r.x[i*r.d:])
		if r.labels != nil {
			b.Labels[k] = r.labels[i]
		}
	}
	if r.at.Index += r.size; r.at.Index+r.size > r.n {
		r.at.Epoch, r.at.Index = r.at.Epoch+1, 0
	}
	return *b, nil
}

// Share makes Next return one of size equal shares of each batch, that with the number rank. It returns a [*fault.FieldError] if the
// batches don't divide.
func (r *Rows) Share(rank, size int) error {
	first, n, err := data.ShareOf(r.size, rank, size)
	if err != nil {
		return err
	}
	r.share = [2]int{first, n}
	r.batch.X = r.batch.X[:n*r.d]
	if r.labels != nil {
		r.batch.Labels = r.batch.Labels[:n]
	}
	return nil
}

// Batches implements [Source].
func (r *Rows) Batches() int { return r.n / max(r.size, 1) }

// State implements [Source].
func (r *Rows) State() (json.RawMessage, error) { return json.Marshal(r.at) }

// SetState implements [Source].
func (r *Rows) SetState(state json.RawMessage) error {
	var p rowsPlace
	if err := json.Unmarshal(state, &p); err != nil {
		return errNoPosition(err)
	}
	if p.Data != r.at.Data {
		return fault.Field("Data", nil, "the rows are not those that the run was started with (%s, now %s); resume with the same, or start a new run",
			p.Data, r.at.Data)
	}
	if p.Epoch < 0 || p.Index < 0 || p.Index+r.size > r.n || p.Index%r.size != 0 {
		return fault.Field("Batch", r.size, "row %d of %d is not the start of a batch; resume with the batch size of the run", p.Index, r.n)
	}
	r.at = p
	return nil
}
