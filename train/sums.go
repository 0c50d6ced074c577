package train

import (
	"context"

	"github.com/bestiary-ml/bestiary/internal/comm"
	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/tensor"
)

// sums are the operations between ranks on what their devices hold: gradients, weights, moments. An operation reads what kernels that
// were called before it have written. Kernels may use its memory again when Wait has returned nil.
type sums interface {
	// flat makes a buffer of the device usable for the operations, and fills it with zeros.
	flat(b kernel.Buffer) flat
	// rest returns zeros for what rounding takes off n elements, which stays on this rank.
	rest(n int) flat
	// allReduce replaces x by the sum over the ranks. With lost, which rest has made, it rounds to bfloat16, with error feedback.
	allReduce(ctx context.Context, x, lost flat) comm.Pending
	// reduceScatter gives own the sum of this rank's part of x: of as many equal parts as there are ranks, the one with its number. lost is
	// as for allReduce.
	reduceScatter(ctx context.Context, own, x, lost flat) comm.Pending
	// allGather gives each rank's part of x to all ranks.
	allGather(ctx context.Context, x flat) comm.Pending
}

// flat is memory of the device that operations of sums can read and write.
type flat struct {
	data kernel.Buffer
	host []float32 // the same memory or, on a GPU, a copy in the program's; nil where operations use that of the GPU
}

// hostSums are operations of the group, on the program's memory.
type hostSums struct {
	group  comm.Group
	device *tensor.Device
}

func (h hostSums) flat(b kernel.Buffer) flat {
	engine.Kernels(h.device).Fill(b, 0)
	if b.Host != nil {
		return flat{b, kernel.Slice[float32](b)}
	}
	return flat{b, make([]float32, b.Len)}
}

func (h hostSums) rest(n int) flat { return flat{host: make([]float32, n)} }

func (h hostSums) allReduce(ctx context.Context, x, lost flat) comm.Pending {
	h.down(x)
	if lost.host != nil {
		return h.up(x, h.group.AllReduceBfloat16(ctx, x.host, lost.host))
	}
	return h.up(x, h.group.AllReduce(ctx, x.host))
}

func (h hostSums) reduceScatter(ctx context.Context, own, x, lost flat) comm.Pending {
	h.down(x)
	if lost.host != nil {
		return h.up(own, h.group.ReduceScatterBfloat16(ctx, own.host, x.host, lost.host))
	}
	return h.up(own, h.group.ReduceScatter(ctx, own.host, x.host))
}

func (h hostSums) allGather(ctx context.Context, x flat) comm.Pending {
	h.down(x)
	place := h.group.Place()
	n := len(x.host) / place.Size
	return h.up(x, h.group.AllGather(ctx, x.host, x.host[place.Rank*n:][:n]))
}

// down copies the elements to where the group reads them.
func (h hostSums) down(x flat) {
	if x.data.Host == nil {
		engine.Kernels(h.device).Download(x.host, x.data)
	}
}

// up makes Wait of an operation copy back what the group has written.
func (h hostSums) up(x flat, p comm.Pending) comm.Pending {
	if x.data.Host != nil {
		return p
	}
	return &copied{Pending: p, up: func() { engine.Kernels(h.device).Upload(x.data, x.host) }}
}

// copied is an operation whose result is copied to the device.
type copied struct {
	comm.Pending
	up func() // nil: done
}

// Wait implements comm.Pending.
func (c *copied) Wait() error {
	err := c.Pending.Wait()
	if err == nil && c.up != nil {
		c.up()
		c.up = nil
	}
	return err
}

// deviceSums are operations of the joined devices, on their own memory.
type deviceSums struct {
	peers  kernel.Peers
	device *tensor.Device
	failed error // the first failure, which says more than those that follow from it
}

func (d *deviceSums) flat(b kernel.Buffer) flat {
	engine.Kernels(d.device).Fill(b, 0)
	return flat{data: b}
}

func (d *deviceSums) rest(n int) flat { return d.flat(engine.Kernels(d.device).Alloc(n)) }

func (d *deviceSums) allReduce(ctx context.Context, x, lost flat) comm.Pending {
	if !lost.data.IsNil() {
		return d.queue(ctx, d.peers.AllReduceBfloat16(ctx, x.data, lost.data))
	}
	return d.queue(ctx, d.peers.AllReduce(ctx, x.data))
}

func (d *deviceSums) reduceScatter(ctx context.Context, own, x, lost flat) comm.Pending {
	if !lost.data.IsNil() {
		return d.queue(ctx, d.peers.ReduceScatterBfloat16(ctx, own.data, x.data, lost.data))
	}
	return d.queue(ctx, d.peers.ReduceScatter(ctx, own.data, x.data))
}

func (d *deviceSums) allGather(ctx context.Context, x flat) comm.Pending {
	return d.queue(ctx, d.peers.AllGather(ctx, x.data))
}

// queue returns a Pending for an operation just queued; err is the error of queuing it.
func (d *deviceSums) queue(ctx context.Context, err error) comm.Pending {
	q := &queued{ctx: ctx, sums: d}
	if err == nil && d.failed == nil {
		q.wait, err = d.peers.Mark()
	}
	if d.failed == nil {
		d.failed = err
	}
	return q
}

// queued is an operation that a device got.
type queued struct {
	ctx   context.Context
	sums  *deviceSums
	wait  func(ctx context.Context) error // nil if it wasn't queued
	ended bool
}

// Wait implements comm.Pending.
func (q *queued) Wait() error {
	if q.ended {
		return nil
	}
	if q.sums.failed == nil {
		q.sums.failed = q.wait(q.ctx)
	}
	q.ended = q.sums.failed == nil
	return q.sums.failed
}
