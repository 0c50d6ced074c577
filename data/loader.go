package data

import (
	"errors"
	"fmt"

	"github.com/bestiary-ml/bestiary/internal/ram"
)

// LoaderOptions say how a Loader walks a dataset.
type LoaderOptions struct {
	Batch    int    // pictures in a batch, at least 1
	Seed     uint64 // of order and flips
	Shuffle  bool   // a new random order each epoch; otherwise the dataset's own
	Balance  bool   // every class equally often, in random order; an epoch is still Len pictures long
	Augment         // vary pictures at random
	DropLast bool   // leave out the last batch of an epoch if it is smaller than the others
}

// Position is a place in the sequence of batches: enough, with the dataset and the options, to continue exactly there.
type Position struct {
	Epoch int `json:"epoch"`
	Index int `json:"index"` // pictures of the epoch that went before
}

// Loader hands out batches, epoch after epoch without end. A goroutine prepares the next batches while the caller uses the last one.
// A Loader is for one goroutine; Close it.
type Loader struct {
	dataset *Dataset
	options LoaderOptions
	next    Position // of the batch that Next returns
	indices []int    // of the batch that Next returned last
	choices []int    // likewise
	ahead   *prefetch
}

// NewLoader returns a loader at the start of epoch 0.
func NewLoader(d *Dataset, o LoaderOptions) (*Loader, error) {
	if d.Len() == 0 {
		return nil, errors.New("data: no pictures to make batches of; load some")
	}
	if o.Batch < 1 {
		return nil, fmt.Errorf("data: batch size %d is out of range; choose 1 or more", o.Batch)
	}
	if o.DropLast && o.Batch > d.Len() {
		return nil, fmt.Errorf("data: batch size %d leaves no whole batch of %d pictures; choose a smaller one", o.Batch, d.Len())
	}
	if d.Captions != nil && len(d.Captions) != d.Len() {
		return nil, fmt.Errorf("data: %d pictures have %d lists of captions; give one a picture", d.Len(), len(d.Captions))
	}
	size := min(o.Batch, d.Len())
	const copies = prefetchDepth + 1 // with the one that Next is asked to fill
	if err := ram.Check(fmt.Sprintf("data: batches of %d pictures of %d×%d", size, d.Size, d.Size), copies*size*d.picture()*4); err != nil {
		return nil, err
	}
	return &Loader{dataset: d, options: o, indices: make([]int, 0, size), choices: make([]int, 0, size)}, nil
}

// Batches returns how many batches an epoch has.
func (l *Loader) Batches() int {
	if l.options.DropLast {
		return l.dataset.Len() / l.options.Batch
	}
	return (l.dataset.Len() + l.options.Batch - 1) / l.options.Batch
}

// Next fills pixels, [Batch, S, S, C] in [-1, 1], and labels, [Batch], with the next batch and returns its number of pictures, which is
// smaller than Batch at most at the end of an epoch. It panics if either slice is too short. It makes no garbage.
func (l *Loader) Next(pixels []float32, labels []int) int {
	if l.ahead == nil {
		l.ahead = startPrefetch(l.dataset, l.options, l.next)
	}
	b := <-l.ahead.ready
	if len(pixels) < len(b.pixels) || len(labels) < len(b.labels) {
		panic(fmt.Sprintf("data: Loader.Next: room for %d values and %d labels, the batch has %d and %d", len(pixels), len(labels), len(b.pixels), len(b.labels)))
	}
	copy(pixels, b.pixels)
	n := copy(labels, b.labels)
	l.indices = append(l.indices[:0], b.indices...)
	l.choices = append(l.choices[:0], b.choices...)
	l.next = b.after
	l.ahead.free <- b
	return n
}

// Indices returns which pictures of the dataset the batch holds that Next returned last. It is overwritten by Next.
func (l *Loader) Indices() []int { return l.indices }

// Choices returns which of its captions each picture of that batch shows, an index into its Captions: one at random for each picture and
// epoch, see [Choose], −1 for a picture without captions. It is overwritten by Next.
func (l *Loader) Choices() []int { return l.choices }

// Caption returns the caption that picture k of that batch shows, "" if it has none.
func (l *Loader) Caption(k int) string {
	if l.choices[k] < 0 {
		return ""
	}
	return l.dataset.Captions[l.indices[k]][l.choices[k]]
}

// Position returns the place of the batch that Next returns next.
func (l *Loader) Position() Position { return l.next }

// Seek continues at a position that Position returned, of a loader of the same dataset and options.
func (l *Loader) Seek(p Position) error {
	if p.Epoch < 0 || p.Index < 0 || p.Index >= l.dataset.Len() || p.Index%l.options.Batch != 0 {
		return fmt.Errorf("data: position %d of epoch %d is not the start of a batch of %d out of %d pictures; resume with the data and batch size of the run",
			p.Index, p.Epoch, l.options.Batch, l.dataset.Len())
	}
	l.Close()
	l.next = p
	return nil
}

// Close ends the loader's goroutine. A later Next starts it again.
func (l *Loader) Close() {
	if l.ahead != nil {
		l.ahead.close()
		l.ahead = nil
	}
}
