package data

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/ram"
)

// LoaderOptions say how a Loader makes batches of a dataset.
type LoaderOptions struct {
	Batch    int    // pictures in a batch, at least 1
	Seed     uint64 // of the order, the augmentation and the choice of captions
	Shuffle  bool   // a new random order each epoch; otherwise the dataset's own
	Balance  bool   // every class equally often, in random order; an epoch still has Len pictures
	Augment         // random variation of the pictures
	DropLast bool   // skip the last batch of an epoch if it is smaller than the others
}

// Position is a position in the sequence of batches. With the dataset and the options it is enough to continue there.
type Position struct {
	Epoch int `json:"epoch"`
	Index int `json:"index"` // pictures of the epoch before this position
}

// Batch is a batch of N pictures.
type Batch struct {
	Pixels   []float32 // [N, S, S, C] in [-1, 1]
	Labels   []int     // [N], indices into the dataset's Classes
	Indices  []int     // [N], indices of the pictures in the dataset
	Captions []string  // [N], one caption of each picture, "" if it has none
}

// Len returns N.
func (b *Batch) Len() int { return len(b.Labels) }

// Loader returns batches, epoch after epoch without end. A goroutine prepares the next batches while the caller uses the
// current one. A Loader is for one goroutine; Close it.
type Loader struct {
	dataset *Dataset
	options LoaderOptions
	augment Augment      // of options, scaled by Vary
	share   share        // of each batch that Next returns
	next    Position     // of the batch that Next returns
	current *filledBatch // returned by the last Next
	ahead   *prefetch
}

// NewLoader returns a loader at the start of epoch 0. It returns a [*fault.FieldError] for an option that is not allowed,
// a [*fault.OutOfMemory] if the batches do not fit in memory, and an error if the dataset is empty or its fields
// contradict each other.
func NewLoader(d *Dataset, o LoaderOptions) (*Loader, error) {
	if d == nil || d.Len() == 0 {
		return nil, fmt.Errorf("data: the dataset has no pictures; load some")
	}
	if o.Batch < 1 {
		return nil, fault.Field("Batch", o.Batch, "must be 1 or more")
	}
	if o.DropLast && o.Batch > d.Len() {
		return nil, fault.Field("Batch", o.Batch, "must be at most %d, the number of pictures", d.Len())
	}
	if err := o.Augment.Validate(); err != nil {
		return nil, err
	}
	size := min(o.Batch, d.Len())
	const copies = prefetchDepth + 1 // with the batch that the caller uses
	if err := ram.Check(fmt.Sprintf("data: batches of %d pictures of %d×%d", size, d.Size, d.Size), product(copies, size, d.picture(), 4)); err != nil {
		return nil, err
	}
	if err := d.check(); err != nil {
		return nil, err
	}
	return &Loader{dataset: d, options: o, augment: o.Augment, share: share{0, 1}}, nil
}

// share is one of several equal shares of each batch.
type share struct{ rank, size int }

// of returns the places of the share in a batch of n.
func (s share) of(n int) (from, to int) { return n / s.size * s.rank, n / s.size * (s.rank + 1) }

// ShareOf returns the first place and the number of places of one of size equal shares of a batch, that with the number rank, from 0. It
// returns a [*fault.FieldError] if the batch doesn't divide.
func ShareOf(batch, rank, size int) (first, n int, err error) {
	switch {
	case rank < 0 || rank >= size:
		return 0, 0, fmt.Errorf("data: share %d of %d; count from 0", rank, size)
	case batch%size != 0:
		return 0, 0, fault.Field("Batch", batch, "doesn't divide among %d ranks; use a multiple of %d", size, size)
	}
	n = batch / size
	return rank * n, n, nil
}

// Share makes Next return one of size equal shares of each batch, that with the number rank: the ranks of a training each take theirs.
// It returns a [*fault.FieldError] if the batches don't divide, as they don't at the end of an epoch without DropLast.
func (l *Loader) Share(rank, size int) error {
	if _, _, err := ShareOf(l.options.Batch, rank, size); err != nil {
		return err
	}
	if size > 1 && !l.options.DropLast {
		return fault.Field("DropLast", false, "leaves batches that don't divide among %d ranks; set it", size)
	}
	l.Close()
	l.share = share{rank, size}
	return nil
}

// Batches returns the number of batches in an epoch.
func (l *Loader) Batches() int {
	if l.options.DropLast {
		return l.dataset.Len() / l.options.Batch
	}
	return 1 + (l.dataset.Len()-1)/l.options.Batch
}

// Next returns the next batch. It has Batch pictures, or fewer at the end of an epoch. The caption of a picture is a
// random one of its captions, another one each epoch; see [Choose]. The batch is valid until the next call of Next, which
// uses its memory again. Next makes no garbage.
func (l *Loader) Next() *Batch {
	if l.ahead == nil {
		o := l.options
		o.Augment = l.augment
		l.ahead = startPrefetch(l.dataset, o, l.share, l.next)
	}
	if l.current != nil {
		l.ahead.free <- l.current
	}
	l.current = <-l.ahead.ready
	l.next = l.current.after
	return &l.current.Batch
}

// Position returns the position of the batch that Next returns next.
func (l *Loader) Position() Position { return l.next }

// Seek continues at a position that Position returned, of a loader of the same dataset and options. It returns an error
// if no batch starts there.
func (l *Loader) Seek(p Position) error {
	if p.Epoch < 0 || p.Index < 0 || p.Index >= l.dataset.Len() || p.Index%l.options.Batch != 0 {
		return fmt.Errorf("data: position %d of epoch %d is not the start of a batch of %d out of %d pictures; resume with the data and batch size of the run",
			p.Index, p.Epoch, l.options.Batch, l.dataset.Len())
	}
	l.Close()
	l.next = p
	return nil
}

// Vary scales the augmentation of all batches that Next returns from now on, see [Augment.Scaled]. [Loader.Position] doesn't
// include the strength. The batch that Next returned last stays valid. The error is a [*fault.FieldError].
func (l *Loader) Vary(strength float64) error {
	if !(strength >= 0 && strength <= 1) { // also NaN
		return fault.Field("Strength", strength, "must be 0 to 1")
	}
	if scaled := l.options.Augment.Scaled(strength); scaled != l.augment {
		l.Close() // what is prepared has the strength of before
		l.augment = scaled
	}
	return nil
}

// Close ends the loader's goroutine. A later Next starts it again.
func (l *Loader) Close() {
	if l.ahead != nil {
		l.ahead.close()
		l.ahead, l.current = nil, nil
	}
}
