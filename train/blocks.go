package train

import (
	"slices"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/engine"
)

// itinerary are the blocks of a model in the order in which a step enters them, forward and backward. It is that of the step before, so
// the next block is gathered while one computes.
type itinerary struct {
	all       []*divided
	last, now []any
}

// begin gathers what belongs to no block, for the whole step, and starts with the first block.
func (t *itinerary) begin() error {
	t.now = t.now[:0]
	for _, d := range t.all {
		d.gather(nil)
		if err := d.await(nil); err != nil {
			return &fault.RanksError{Err: err}
		}
		if len(t.last) > 0 {
			d.gather(t.last[0])
		}
	}
	return nil
}

// enter makes a block's parameters whole and starts to gather those of the block after it. Those of all others are given back.
func (t *itinerary) enter(block any) {
	n := len(t.now)
	t.now = append(t.now, block)
	var next any
	if n+1 < len(t.last) && t.last[n] == block {
		next = t.last[n+1]
	}
	for _, d := range t.all {
		if err := d.keep(block, next); err != nil {
			panic(&fault.RanksError{Err: err})
		}
	}
}

// end gives back all parameters.
func (t *itinerary) end() error {
	t.last, t.now = t.now, t.last
	for _, d := range t.all {
		if err := d.releaseAll(); err != nil {
			return err
		}
	}
	return nil
}

// blockOf returns the block to which the parameters of a bucket belong.
func (d *divided) blockOf(i int) any { return d.params[d.buckets[i].params[0]].Block }

// gather starts to gather a block; nil is what belongs to no block, which is there for the whole step.
func (d *divided) gather(block any) {
	for i := range d.held {
		if d.blockOf(i) == block {
			d.start(i, d.ranks.within)
		}
	}
}

// await waits until a block is there.
func (d *divided) await(block any) error {
	for i := range d.held {
		if d.blockOf(i) == block {
			if err := d.finish(i); err != nil {
				return err
			}
		}
	}
	return nil
}

// keep keeps two blocks and waits for the first.
func (d *divided) keep(block, next any) error {
	for i := range d.held {
		if in := d.blockOf(i); in != nil && in != block && in != next {
			if err := d.release(i); err != nil {
				return err
			}
		}
	}
	d.gather(block)
	d.gather(next)
	return d.await(block)
}

// divides reports whether ranks have parts of the parameters only.
func (t *trainer[B]) divides() bool { return len(t.itinerary.all) > 0 }

// inBlocks calls f, which computes losses and gradients, and gathers the parameters for it.
func (t *trainer[B]) inBlocks(f func() error) error {
	if !t.divides() {
		return f()
	}
	if err := t.itinerary.begin(); err != nil {
		return err
	}
	engine.WhenEntered(t.device, t.itinerary.enter)
	defer engine.WhenEntered(t.device, nil)
	if err := f(); err != nil {
		return err
	}
	return t.itinerary.end()
}

// whole calls f while the parameters are whole on this rank or, with keep false, after they have been whole for others. All ranks call
// it, and f of one of them may take its time.
func (t *trainer[B]) whole(keep bool, f func() error) error {
	if !t.divides() {
		return f()
	}
	gather := func() error {
		for _, d := range t.itinerary.all {
			if err := d.gatherAll(keep); err != nil {
				return err
			}
		}
		return nil
	}
	if err := t.exclusive(gather); err != nil {
		return err
	}
	err := f()
	if released := t.exclusive(t.release); err == nil {
		err = released
	}
	return err
}

// release gives back the parameters that other ranks own.
func (t *trainer[B]) release() error {
	for _, d := range t.itinerary.all {
		if err := d.releaseAll(); err != nil {
			return err
		}
	}
	return nil
}

// reunite ends the division of the parameters. If the training has succeeded, all ranks do, and have all of them.
func (t *trainer[B]) reunite(succeeded bool) error {
	if !t.divides() {
		return nil
	}
	return t.exclusive(func() error {
		for _, d := range slices.Backward(t.itinerary.all) {
			if succeeded {
				if err := d.gatherAll(true); err != nil {
					return err
				}
			}
			if err := d.end(); err != nil {
				return err
			}
		}
		t.itinerary.all = nil
		return nil
	})
}
