package tasks

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math/rand/v2"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/data/boxes"
	"github.com/bestiary-ml/bestiary/fault"
)

// viewPurpose is that of the random stream of the views of pictures, see [data.NewPhilox].
const viewPurpose = 64

// boxOrder chooses the pictures of batches: all pictures of a set, in a new random order each epoch. A view depends on the seed, the
// epoch and the picture alone. Pictures at the end of an epoch that are too few for a batch are left out.
type boxOrder struct {
	set     *boxes.Set
	seed    uint64
	order   *data.Order
	list    []int // order of the epoch
	ordered int   // epoch of list
	at      boxPlace
	n       int    // pictures of a batch
	share   [2]int // first picture and number of pictures of a batch that this rank shows
}

type boxPlace struct {
	Epoch int    `json:"epoch"`
	Index int    `json:"index"` // pictures of the epoch that were shown
	Data  string `json:"data"`  // fingerprint
}

// newBoxOrder returns the order at the start of epoch 0.
func newBoxOrder(s *boxes.Set, batch int, seed uint64) (*boxOrder, error) {
	n := len(s.Pictures)
	if batch < 1 || batch > n {
		return nil, fault.Field("Batch", batch, "is not possible with %d pictures to train on; use 1 to %d", n, n)
	}
	return &boxOrder{
		set: s, seed: seed, n: batch, share: [2]int{0, batch},
		order: data.NewOrder(make([]int, n), true, false), list: make([]int, n), ordered: -1,
		at: boxPlace{Data: FingerprintBoxes(s)},
	}, nil
}

// FingerprintBoxes returns a text that tells sets of pictures apart by the names, sizes and objects of their pictures, in their order, and
// by the masks of the objects if there are any.
func FingerprintBoxes(s *boxes.Set) string {
	h := fnv.New64a()
	for _, p := range s.Pictures {
		fmt.Fprintf(h, "%s %d×%d", p.Name, p.Width, p.Height)
		for _, o := range p.Objects {
			fmt.Fprintf(h, " %d %v %t", o.Class, o.Box, o.Crowd)
			if o.Mask != nil {
				_ = json.NewEncoder(h).Encode(o.Mask) // a hash is always written
			}
		}
		fmt.Fprintln(h)
	}
	return fmt.Sprintf("%d-%016x", len(s.Pictures), h.Sum64())
}

// whole returns the pictures of the next batch, by their indices in the set.
func (o *boxOrder) whole() []int {
	if o.ordered != o.at.Epoch {
		o.order.Fill(o.list, o.seed, o.at.Epoch)
		o.ordered = o.at.Epoch
	}
	return o.list[o.at.Index : o.at.Index+o.n]
}

// own returns those of them that this rank shows.
func (o *boxOrder) own() []int { return o.whole()[o.share[0]:][:o.share[1]] }

// view draws the view of picture i in this epoch.
func (o *boxOrder) view(i int, augment boxes.SSD) boxes.View {
	p := o.set.Pictures[i]
	r := rand.New(data.NewPhilox(o.seed, viewPurpose, uint64(o.at.Epoch)<<32|uint64(i)))
	return augment.Draw(r, p.Width, p.Height, p.Objects)
}

// advance goes on to the next batch.
func (o *boxOrder) advance() {
	if o.at.Index += o.n; o.at.Index+o.n > len(o.list) {
		o.at.Epoch, o.at.Index = o.at.Epoch+1, 0
	}
}

// Share makes this rank show one of size equal shares of each batch, that with the number rank.
func (o *boxOrder) Share(rank, size int) error {
	first, n, err := data.ShareOf(o.n, rank, size)
	if err != nil {
		return err
	}
	o.share = [2]int{first, n}
	return nil
}

// Batches implements [train.Source].
func (o *boxOrder) Batches() int { return len(o.list) / o.n }

// State implements [train.Source].
func (o *boxOrder) State() (json.RawMessage, error) { return json.Marshal(o.at) }

// SetState implements [train.Source].
func (o *boxOrder) SetState(state json.RawMessage) error {
	var p boxPlace
	if err := json.Unmarshal(state, &p); err != nil {
		return fmt.Errorf("the state has no position in the pictures (%w); start the training again in another folder", err)
	}
	if p.Data != o.at.Data {
		return fault.Field("Data", nil, "the pictures, their boxes or their masks are not those that the run was started with; resume with the same, or start a new run")
	}
	if p.Epoch < 0 || p.Index < 0 || p.Index+o.n > len(o.list) || p.Index%o.n != 0 {
		return fault.Field("Batch", o.n, "picture %d of %d is not the start of a batch; resume with the batch size of the run", p.Index, len(o.list))
	}
	o.at = p
	return nil
}
