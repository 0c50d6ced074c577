package cuda

import (
	"context"
	"fmt"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/internal/nccl"
)

// collectives implements kernel.Collectives by NCCL.
type collectives struct{ device *Device }

// Available implements kernel.Collectives.
func (c collectives) Available() error {
	if err := c.device.streams(); err != nil {
		return err
	}
	_, err := nccl.Open()
	return err
}

// NewID implements kernel.Collectives.
func (c collectives) NewID() (id [128]byte, err error) {
	l, err := nccl.Open()
	if err != nil {
		return id, err
	}
	return l.UniqueID()
}

// Join implements kernel.Collectives.
func (c collectives) Join(ctx context.Context, id [128]byte, rank, size int) (kernel.Peers, error) {
	l, err := nccl.Open()
	if err != nil {
		return nil, err
	}
	s, err := c.device.NewStream()
	if err != nil {
		return nil, err
	}
	joined, err := l.Join(ctx, c.device, id, rank, size)
	if err != nil {
		s.Close()
		return nil, err
	}
	number, _ := l.Version()
	return &peers{name: "NCCL " + number, device: c.device, stream: s, joined: joined}, nil
}

// peers implements kernel.Peers. Operations run in a stream of their own, beside the kernels.
type peers struct {
	name   string
	device *Device
	stream *Stream
	joined *nccl.Communicator

	rounded, parts kernel.Buffer // pairs of bfloat16 numbers, see bfloat16.go
}

// Name implements kernel.Peers.
func (p *peers) Name() string { return p.name }

// start queues an operation after the kernels that the device has got.
func (p *peers) start(ctx context.Context, o nccl.Operation) error {
	p.stream.Follow()
	return p.joined.Start(ctx, p.stream, o)
}

// AllReduce implements kernel.Peers.
func (p *peers) AllReduce(ctx context.Context, x kernel.Buffer) error {
	return p.start(ctx, nccl.AllReduce(uintptr(x.Addr), x.Len, nccl.Float32))
}

// ReduceScatter implements kernel.Peers.
func (p *peers) ReduceScatter(ctx context.Context, own, x kernel.Buffer) error {
	if _, size := p.joined.Rank(); x.Len != own.Len*size {
		return fmt.Errorf("cuda: ReduceScatter of %d elements to %d for %d ranks", x.Len, own.Len, size)
	}
	return p.start(ctx, nccl.ReduceScatter(uintptr(own.Addr), uintptr(x.Addr), own.Len, nccl.Float32))
}

// AllGather implements kernel.Peers.
func (p *peers) AllGather(ctx context.Context, x kernel.Buffer) error {
	rank, size := p.joined.Rank()
	if x.Len%size != 0 {
		return fmt.Errorf("cuda: AllGather of %d elements for %d ranks", x.Len, size)
	}
	n := x.Len / size
	return p.start(ctx, nccl.AllGather(uintptr(x.Addr), uintptr(x.Slice(rank*n, n).Addr), n, nccl.Float32))
}

// Wait implements kernel.Peers. Afterwards the stream is empty, so kernels need not wait for an event.
func (p *peers) Wait(ctx context.Context) error { return p.joined.Wait(ctx, p.stream) }

// Mark implements kernel.Peers.
func (p *peers) Mark() (wait func(ctx context.Context) error, err error) {
	m, err := p.stream.Mark()
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		defer m.Close()
		return p.joined.Wait(ctx, m)
	}, nil
}

// Close implements kernel.Peers.
func (p *peers) Close(ctx context.Context) error {
	return p.leave(func() error { return p.joined.Close(ctx) })
}

// Abort implements kernel.Peers.
func (p *peers) Abort() error { return p.leave(p.joined.Abort) }

// leave closes the stream, which Close and Abort of the communicator need.
func (p *peers) leave(joined func() error) (err error) {
	defer fault.Catch(&err)
	if p.stream == nil {
		return nil
	}
	s := p.stream
	p.stream = nil
	err = joined()
	s.Close()
	p.device.Free(p.rounded)
	p.device.Free(p.parts)
	return err
}
