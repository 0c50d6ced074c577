package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime/debug"
	"unsafe"

	"github.com/bestiary-ml/bestiary/internal/comm"
	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/internal/pages"
	"github.com/bestiary-ml/bestiary/nn"
)

// divided keeps the parameters of a reducer's buckets with ShardParameters: between uses, a rank holds its own part of each bucket only
// (ZeRO, stage 3; Rajbhandari et al., 2020). The parameters of a bucket lie in one region of memory. Its pages that others own are given
// back to the system and come again at the same addresses, so views of parameters stay valid.
type divided struct {
	*reducer
	held []held // parallel to buckets
}

// held is the memory of a bucket's parameters.
type held struct {
	region *pages.Region
	data   kernel.Buffer
	whole  bool // all parts are there
	coming *coming
}

// coming is an all-gather that has been started.
type coming struct {
	comm.Pending
	all    flat
	cancel context.CancelFunc
}

// moved is the number of bytes of parameters after whose move the old ones are given back to the system.
const moved = 64 << 20

// newDivided moves the parameters of a reducer to memory that can be given back. They are whole.
func newDivided(r *reducer) (*divided, error) {
	d := &divided{reducer: r}
	idle := 0
	for _, b := range r.buckets {
		region, err := pages.Reserve(4 * b.length)
		if err != nil {
			return d, fmt.Errorf("the parameters can't be divided among the ranks: %w", err)
		}
		data := kernel.Buffer{Host: unsafe.Pointer(unsafe.SliceData(region.Bytes())), Len: b.length, Size: 4}
		d.held = append(d.held, held{region: region, data: data, whole: true})
		for at, i := range b.params {
			r.move(r.params[i], data.Slice(b.offsets[at], r.params[i].Tensor.Len()))
		}
		if idle += 4 * b.length; idle >= moved {
			debug.FreeOSMemory() // regions are no garbage, so they trigger no collection
			idle = 0
		}
	}
	debug.FreeOSMemory()
	return d, nil
}

// move makes memory that of a parameter.
func (r *reducer) move(p nn.Param, to kernel.Buffer) {
	engine.Kernels(r.device).Copy(kernel.Contiguous(p.Tensor.Len()), to, engine.Data(p.Tensor))
	engine.Place(p.Tensor, to)
}

// start begins to gather a bucket, unless it is there or on its way.
func (d *divided) start(i int, within func() (context.Context, context.CancelFunc)) {
	h, b := &d.held[i], d.buckets[i]
	if h.whole || h.coming != nil {
		return
	}
	ctx, cancel := within()
	// The operation writes to memory that stays: network cards remember the pages of what they have written to.
	all := d.sums.flat(engine.Take(d.device, b.length))
	from, to := d.part(b)
	engine.Kernels(d.device).Copy(kernel.Contiguous(to-from), all.data.Slice(from, to-from), h.data.Slice(from, to-from))
	h.coming = &coming{d.sums.allGather(ctx, all), all, cancel}
}

// finish waits until a bucket is there.
func (d *divided) finish(i int) error {
	h := &d.held[i]
	c := h.coming
	if c == nil {
		return nil
	}
	defer c.cancel()
	if err := c.Wait(); err != nil { // the operation may still use the memory
		return err
	}
	h.coming = nil
	if err := d.restore(i); err != nil {
		return err
	}
	for _, part := range d.others(i) {
		if n := part.to - part.from; n > 0 { // a slice without elements could point behind the memory
			engine.Kernels(d.device).Copy(kernel.Contiguous(n), h.data.Slice(part.from, n), c.all.data.Slice(part.from, n))
		}
	}
	engine.Give(d.device, c.all.data)
	h.whole = true
	return nil
}

// release gives back what other ranks own of a bucket.
func (d *divided) release(i int) error {
	h := &d.held[i]
	if err := d.finish(i); err != nil || !h.whole {
		return err
	}
	h.whole = false
	for _, part := range d.others(i) {
		first, end := h.region.Range(4*part.from, 4*part.to)
		if first >= end {
			first, end = 4*part.to, 4*part.to
		}
		for _, stale := range []span{{part.from, first / 4}, {end / 4, part.to}} { // a mistake must be seen here, too
			engine.Kernels(d.device).Fill(h.data.Slice(stale.from, stale.to-stale.from), math.NaN())
		}
		if err := h.region.Release(4*part.from, 4*part.to); err != nil {
			return err
		}
	}
	return nil
}

// span are the elements [from, to) of a bucket.
type span struct{ from, to int }

// others returns the elements of a bucket that other ranks own.
func (d *divided) others(i int) [2]span {
	from, to := d.part(d.buckets[i])
	return [2]span{{0, from}, {to, d.buckets[i].length}}
}

// restore makes the memory of what other ranks own usable.
func (d *divided) restore(i int) error {
	for _, part := range d.others(i) {
		if err := d.held[i].region.Restore(4*part.from, 4*part.to); err != nil {
			return err
		}
	}
	return nil
}

// gatherAll makes all parameters whole, for all ranks or, with keep false, for others than this one. All ranks call it. It waits for
// ranks that evaluate, draw or save.
func (d *divided) gatherAll(keep bool) error {
	if d.ranks.lost != nil { // nobody would come
		return d.ranks.lost
	}
	for i := range d.held {
		d.start(i, d.ranks.waiting)
		if i+1 < len(d.held) {
			d.start(i+1, d.ranks.waiting)
		}
		if err := d.finish(i); err != nil {
			return d.ranks.late(err, patience*d.ranks.timeout)
		}
		if !keep {
			if err := d.release(i); err != nil {
				return err
			}
		}
	}
	return nil
}

// releaseAll gives back what other ranks own.
func (d *divided) releaseAll() (err error) {
	for i := range d.held {
		err = errors.Join(err, d.release(i))
	}
	return err
}

// end returns the parameters to ordinary memory. Unless they are whole, what other ranks own is lost.
func (d *divided) end() error {
	for i, h := range d.held {
		if !h.whole {
			if err := d.restore(i); err != nil {
				return err
			}
		}
		for _, at := range d.buckets[i].params {
			p := d.params[at]
			d.move(p, engine.Kernels(d.device).Alloc(p.Tensor.Len()))
		}
		if err := h.region.Free(); err != nil {
			return err
		}
	}
	d.held = nil
	return nil
}
