package train

import (
	"errors"
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
		err := d.await(nil)
		if err == nil && len(t.last) > 0 {
			err = d.gather(t.last[0])
		}
		if err != nil {
			return &fault.RanksError{Err: err}
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

// of returns the parameters of a block; nil if there are none. The block nil is what belongs to no block.
func (d *divided) of(block any) *held {
	at := slices.IndexFunc(d.held, func(h *held) bool { return h.block == block })
	if at < 0 {
		return nil
	}
	return d.held[at]
}

// gather starts to gather a block, within a step.
func (d *divided) gather(block any) error {
	if h := d.of(block); h != nil {
		return d.start(h, d.ranks.within)
	}
	return nil
}

// await gathers a block and waits until it is there.
func (d *divided) await(block any) error {
	if err := d.gather(block); err != nil {
		return err
	}
	if h := d.of(block); h != nil {
		return d.finish(h)
	}
	return nil
}

// keep waits for a block, and starts to gather the next one. What belongs to no block stays, too. The next one begins only once the first
// is there: the end of its gathering shows that a GPU has computed the block before the last, whose memory is free for the next one then.
func (d *divided) keep(block, next any) error {
	for _, h := range d.held {
		if h.block != nil && h.block != block && h.block != next {
			if err := d.release(h); err != nil {
				return err
			}
		}
	}
	if err := d.await(block); err != nil {
		return err
	}
	return d.gather(next)
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
	return errors.Join(err, t.exclusive(t.release))
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
