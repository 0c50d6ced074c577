package tensor

import (
	"context"
	"sync/atomic"

	"github.com/bestiary-ml/bestiary/fault"
)

// turn is the lock of a device. Goroutines that wait for it get it in the order in which they came.
type turn struct {
	taken  chan struct{}  // holds a value while a goroutine has the turn
	holder atomic.Uintptr // that goroutine, 0 for none
}

// Exclusive calls f while no other goroutine is in Exclusive of d. The pipelines of package sample and the trainings of
// package train call it for each of their computations, so they can share a device with each other and with a caller
// that does the same:
//
//	err := d.Exclusive(ctx, func() error {
//		step := d.Scratch()
//		defer step.End()
//		…
//	})
//
// f may call Exclusive, and pipelines on d, from the same goroutine. If it waits for another goroutine that does so, both
// wait for ever. Steps that f leaves open are ended. Exclusive returns the error of f, that of ctx if it ends before f is
// called, and failures of the device within f, see [fault.Catch].
func (d *Device) Exclusive(ctx context.Context, f func() error) (err error) {
	defer fault.Catch(&err)
	release, err := d.acquire(ctx)
	if err != nil {
		return err
	}
	defer release()
	return f()
}

// acquire waits until the calling goroutine has the device to itself. release ends the steps that were opened since.
func (d *Device) acquire(ctx context.Context) (release func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	caller := goroutine()
	if d.turn.holder.Load() == caller {
		outer := d.current(caller)
		return func() { d.endWithin(outer, caller) }, nil
	}
	select {
	case d.turn.taken <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	d.turn.holder.Store(caller)
	outer := d.current(caller)
	return func() {
		d.endWithin(outer, caller)
		if outer == nil {
			d.trim()
		}
		d.turn.holder.Store(0)
		<-d.turn.taken
	}, nil
}

// current returns the innermost step that a goroutine has open.
func (d *Device) current(caller uintptr) *Step {
	if d.owner.Load() != caller {
		return nil
	}
	return d.step
}

// endWithin ends the steps that a goroutine has open within outer; all of its steps if outer is nil.
func (d *Device) endWithin(outer *Step, caller uintptr) {
	if d.owner.Load() != caller {
		return
	}
	s := d.step
	for s != outer && s != nil {
		s = s.parent
	}
	if s != outer { // outer has ended already
		return
	}
	for d.step != outer {
		d.step.end()
	}
	d.disown()
}

// EndSteps ends all open steps of d, whichever goroutine opened them. It is the way out if a goroutine has ended without
// [Step.End] of its steps, so that every other one gets a [*fault.DeviceBusy]. Don't call it while that goroutine runs.
func (d *Device) EndSteps() {
	for d.step != nil {
		d.step.end()
	}
	d.disown()
}

// disown lets other goroutines open steps, if none is open.
func (d *Device) disown() {
	if d.step == nil {
		d.sortIdle()
		d.owner.Store(0)
	}
}
