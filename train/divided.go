package train

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/comm"
	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/nn"
)

// divided keeps the parameters of a reducer's buckets with ShardParameters: between uses, a rank holds its own part of each bucket only
// (ZeRO, stage 3; Rajbhandari et al., 2020). The parameters of a block of the model lie in one region, whose memory is given back and
// comes again at the same addresses, so views of parameters stay valid.
type divided struct {
	*reducer
	held []*held
}

// held are the parameters of a block.
type held struct {
	block   any       // nil: they belong to none
	buckets []*bucket // that they are in
	region  kernel.Region
	whole   bool     // all parts are in the region; otherwise this rank's are in the buckets' homes
	coming  []coming // all-gathers that have been started, of each bucket
}

// coming is an all-gather that has been started.
type coming struct {
	comm.Pending
	all    flat
	cancel context.CancelFunc
}

// trimEvery is the number of bytes that are moved between two calls of Trim.
const trimEvery = 64 << 20

// newDivided moves the parameters of a reducer to memory that can be given back. They are whole.
func newDivided(r *reducer) (d *divided, err error) {
	defer fault.Catch(&err)
	d = &divided{reducer: r}
	regions := engine.Kernels(r.device).Features().Regions
	var blocks []*held
	for _, b := range r.buckets {
		h := &held{block: r.params[b.params[0]].Block}
		if at := slices.IndexFunc(blocks, func(other *held) bool { return other.block == h.block }); at >= 0 {
			h = blocks[at]
		} else {
			blocks = append(blocks, h)
		}
		h.buckets = append(h.buckets, b)
	}
	idle := 0
	for _, h := range blocks {
		if err := d.moveToRegion(h, regions); err != nil {
			return d, err
		}
		d.held = append(d.held, h)
		if idle += 4 * h.region.Data().Len; idle >= trimEvery {
			regions.Trim()
			idle = 0
		}
	}
	return d, nil
}

// moveToRegion moves the parameters of a block to a region. If it fails, they are where they were.
func (d *divided) moveToRegion(h *held, regions kernel.Regions) (err error) {
	k, length := engine.Kernels(d.device), 0
	for _, b := range h.buckets {
		b.home = k.Alloc(b.length / d.ranks.Size())
		length += aligned(b.length)
	}
	if h.region, err = regions.Reserve(length); err != nil {
		return fmt.Errorf("the parameters can't be divided among the ranks: %w", err)
	}
	defer func() {
		if !h.whole {
			err = errors.Join(err, h.region.Free())
		}
	}()
	if err := h.region.Restore(); err != nil {
		return fmt.Errorf("the parameters can't be divided among the ranks: %w", err)
	}
	k.Fill(h.region.Data(), 0) // what lies between parameters
	at := 0
	for _, b := range h.buckets {
		b.weights = h.region.Data().Slice(at, b.length)
		for i, p := range b.params {
			d.move(d.params[p], b.weights.Slice(b.offsets[i], d.params[p].Tensor.Len()))
		}
		at += aligned(b.length)
	}
	h.whole = true
	return nil
}

// aligned rounds a number of elements up to lines of the caches, with which the memory of parameters begins.
func aligned(n int) int { return (n + 15) / 16 * 16 }

// move makes memory that of a parameter.
func (r *reducer) move(p nn.Param, to kernel.Buffer) {
	engine.Kernels(r.device).Copy(kernel.Contiguous(p.Tensor.Len()), to, engine.Data(p.Tensor))
	engine.Place(p.Tensor, to)
}

// own returns this rank's part of a bucket's elements in x.
func (r *reducer) own(b *bucket, x kernel.Buffer) kernel.Buffer {
	from, to := r.part(b)
	return x.Slice(from, to-from)
}

// start begins to gather a block, unless it is there or on its way.
func (d *divided) start(h *held, within func() (context.Context, context.CancelFunc)) error {
	if h.whole || h.coming != nil {
		return nil
	}
	k := engine.Kernels(d.device)
	direct := !k.Features().HostMemory
	if direct {
		if err := h.region.Restore(); err != nil {
			return err
		}
	}
	for _, b := range h.buckets {
		to := b.weights
		if !direct { // network cards remember the pages of what they have written to, so that must be memory that stays
			to = engine.Take(d.device, b.length)
		}
		ctx, cancel := within()
		all := d.sums.flat(to)
		k.Copy(kernel.Contiguous(b.home.Len), d.own(b, to), b.home)
		h.coming = append(h.coming, coming{d.sums.allGather(ctx, all), all, cancel})
	}
	return nil
}

// finish waits until a block is there, if it is on its way.
func (d *divided) finish(h *held) error {
	if h.coming == nil {
		return nil
	}
	for _, c := range h.coming {
		err := c.Wait()
		c.cancel()
		if err != nil { // the operation may still use the memory
			return err
		}
	}
	if err := h.region.Restore(); err != nil {
		return err
	}
	for i, b := range h.buckets {
		if from := h.coming[i].all.data; from != b.weights {
			engine.Kernels(d.device).Copy(kernel.Contiguous(b.length), b.weights, from)
			engine.Give(d.device, from)
		}
		b.away = false
	}
	h.coming, h.whole = nil, true
	return nil
}

// release gives back the parameters of a block but for this rank's part.
func (d *divided) release(h *held) error {
	if err := d.finish(h); err != nil || !h.whole {
		return err
	}
	for _, b := range h.buckets {
		engine.Kernels(d.device).Copy(kernel.Contiguous(b.home.Len), b.home, d.own(b, b.weights))
		b.away = true
	}
	h.whole = false
	return h.region.Release()
}

// gatherAll makes all parameters whole, for all ranks or, with keep false, for others than this one. All ranks call it. They meet first, since
// some may still evaluate, draw or save; a rank that is stopped meanwhile is noticed then, while GPUs gather without MPI.
func (d *divided) gatherAll(keep bool) error {
	if d.ranks.lost != nil { // nobody would come
		return d.ranks.lost
	}
	wait, cancel := d.ranks.waiting()
	defer cancel()
	if err := d.ranks.group.Barrier(wait); err != nil {
		return d.ranks.late(err, patience*d.ranks.timeout)
	}
	for i, h := range d.held {
		if err := d.gatherAt(i); err != nil {
			return d.ranks.late(err, d.ranks.timeout)
		}
		if !keep {
			if err := d.release(h); err != nil {
				return err
			}
		}
	}
	return nil
}

// gatherAt waits for block i, and starts to gather the one after it.
func (d *divided) gatherAt(i int) error {
	for _, h := range d.held[i:min(i+2, len(d.held))] {
		if err := d.start(h, d.ranks.within); err != nil {
			return err
		}
	}
	return d.finish(d.held[i])
}

// releaseAll gives back what other ranks own.
func (d *divided) releaseAll() (err error) {
	for _, h := range d.held {
		err = errors.Join(err, d.release(h))
	}
	return err
}

// end returns the parameters to ordinary memory. Unless they are whole, what other ranks own is lost, and becomes zeros.
func (d *divided) end() (err error) {
	k := engine.Kernels(d.device)
	for len(d.held) > 0 {
		h := d.held[0]
		for _, b := range h.buckets {
			for _, i := range b.params {
				to := k.Alloc(d.params[i].Tensor.Len())
				if h.whole {
					d.move(d.params[i], to)
					continue
				}
				k.Fill(to, 0)
				engine.Place(d.params[i].Tensor, to)
			}
			if !h.whole {
				d.keepOwn(b)
			}
			b.away = false
		}
		d.held = d.held[1:]  // before an error: a region is freed once
		if h.coming == nil { // otherwise an operation may still write there
			err = errors.Join(err, h.region.Free())
		}
	}
	return err
}

// keepOwn copies this rank's part of a bucket from its home to the parameters.
func (d *divided) keepOwn(b *bucket) {
	from, _ := d.part(b)
	d.each(b, func(at, first, last int) {
		to := engine.Data(d.params[b.params[at]].Tensor).Slice(first-b.offsets[at], last-first)
		engine.Kernels(d.device).Copy(kernel.Contiguous(to.Len), to, b.home.Slice(first-from, to.Len))
	})
}
