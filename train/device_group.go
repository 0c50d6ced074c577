package train

import (
	"context"
	"errors"
	"fmt"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/comm"
	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/tensor"
)

// deviceGroup is a group of ranks whose launcher, such as torchrun, is not one of MPI: all that they exchange passes through the memory of
// their joined GPUs. It exists once the device is known, and nothing else may use the device meanwhile. An operation has ended when it
// returns.
type deviceGroup struct {
	place     comm.Place
	device    *tensor.Device
	peers     kernel.Peers // nil: not joined yet
	scratch   map[int]kernel.Buffer
	beginning map[string]string // facts to compare once the devices are joined; nil: none
}

// reach joins the devices of ranks that can exchange nothing before. Rank 0 tells the others at its address how.
func (g *deviceGroup) reach(ctx context.Context, d *tensor.Device) (err error) {
	if g.peers != nil {
		if d == g.device {
			return nil
		}
		return errors.New("the ranks have been joined by another GPU; train one model in a process")
	}
	defer fault.Catch(&err)
	device := engine.Kernels(d).Features().Collectives
	if device == nil {
		return fmt.Errorf("the launcher %s starts no MPI, and without it only NVIDIA GPUs can be joined: this rank computes on %s; start by mpirun, or choose a GPU for each rank",
			g.place.Launcher, d.Name())
	}
	if err := device.Available(); err != nil {
		return fmt.Errorf("%w; or start by mpirun", err)
	}
	var id comm.Token
	if g.place.Rank == 0 {
		if id, err = device.NewID(); err != nil {
			return err
		}
	}
	if id, err = g.place.Share(ctx, version(), id); err != nil {
		return err
	}
	g.device, g.scratch = d, map[int]kernel.Buffer{}
	return d.Exclusive(ctx, func() (err error) {
		g.peers, err = device.Join(ctx, id, g.place.Rank, g.place.Size)
		return err
	})
}

// Place implements [comm.Group].
func (g *deviceGroup) Place() comm.Place { return g.place }

// room returns device memory for n elements, which the operations use one after the other. There are several such memories.
func (g *deviceGroup) room(number, n int) kernel.Buffer {
	k := engine.Kernels(g.device)
	if g.scratch[number].Len < n {
		if !g.scratch[number].IsNil() {
			k.Free(g.scratch[number])
		}
		b := k.Alloc(n)
		k.Fill(b, 0)
		g.scratch[number] = b
	}
	return g.scratch[number].Slice(0, n)
}

// up returns device memory with the elements of x.
func (g *deviceGroup) up(number int, x []float32) kernel.Buffer {
	b := g.room(number, len(x))
	engine.Kernels(g.device).Upload(b, x)
	return b
}

// run starts an operation of the devices, waits for it, and calls end to fetch the results.
func (g *deviceGroup) run(ctx context.Context, start func() error, end func(k kernel.Device)) (err error) {
	defer fault.Catch(&err)
	if err := start(); err != nil {
		return err
	}
	if err := g.peers.Wait(ctx); err != nil {
		return err
	}
	end(engine.Kernels(g.device))
	return nil
}

// pending is run as an operation that has ended.
func (g *deviceGroup) pending(ctx context.Context, start func() error, end func(k kernel.Device)) comm.Pending {
	r := comm.NewResult()
	r.End(g.run(ctx, start, end))
	return r
}

// AllReduce implements [comm.Group].
func (g *deviceGroup) AllReduce(ctx context.Context, x []float32) comm.Pending {
	var b kernel.Buffer
	return g.pending(ctx, func() error {
		b = g.up(0, x)
		return g.peers.AllReduce(ctx, b)
	}, func(k kernel.Device) { k.Download(x, b) })
}

// ReduceScatter implements [comm.Group].
func (g *deviceGroup) ReduceScatter(ctx context.Context, own, x []float32) comm.Pending {
	var part kernel.Buffer
	return g.pending(ctx, func() error {
		part = g.room(1, len(own))
		return g.peers.ReduceScatter(ctx, part, g.up(0, x))
	}, func(k kernel.Device) { k.Download(own, part) })
}

// AllReduceBfloat16 implements [comm.Group].
func (g *deviceGroup) AllReduceBfloat16(ctx context.Context, x, lost []float32) comm.Pending {
	var b, rest kernel.Buffer
	return g.pending(ctx, func() error {
		b, rest = g.up(0, x), g.up(2, lost)
		return g.peers.AllReduceBfloat16(ctx, b, rest)
	}, func(k kernel.Device) {
		k.Download(x, b)
		k.Download(lost, rest)
	})
}

// ReduceScatterBfloat16 implements [comm.Group].
func (g *deviceGroup) ReduceScatterBfloat16(ctx context.Context, own, x, lost []float32) comm.Pending {
	var part, rest kernel.Buffer
	return g.pending(ctx, func() error {
		part, rest = g.room(1, len(own)), g.up(2, lost)
		return g.peers.ReduceScatterBfloat16(ctx, part, g.up(0, x), rest)
	}, func(k kernel.Device) {
		k.Download(own, part)
		k.Download(lost, rest)
	})
}

// AllGather implements [comm.Group].
func (g *deviceGroup) AllGather(ctx context.Context, all, own []float32) comm.Pending {
	var b kernel.Buffer
	return g.pending(ctx, func() error {
		if len(own) == 0 || len(all) != len(own)*g.place.Size {
			return fmt.Errorf("ranks: AllGather of %d elements in parts of %d for %d ranks", len(all), len(own), g.place.Size)
		}
		b = g.room(0, len(all))
		engine.Kernels(g.device).Upload(b.Slice(g.place.Rank*len(own), len(own)), own)
		return g.peers.AllGather(ctx, b)
	}, func(k kernel.Device) { k.Download(all, b) })
}
