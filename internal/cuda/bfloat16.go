package cuda

import (
	"context"
	"fmt"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/internal/nccl"
)

// NCCL could add bfloat16 numbers itself, but it would round after each rank's, and nobody would get what that takes off. So each rank
// sends its parts to their owners, who add them up in float32. All kernels run in the stream of NCCL's operations, beside the backward
// pass.

// AllReduceBfloat16 implements kernel.Peers. The owners of the parts round their sums once more, and gather them.
func (p *peers) AllReduceBfloat16(ctx context.Context, x, lost kernel.Buffer) (err error) {
	defer fault.Catch(&err)
	rank, size := p.joined.Rank()
	n := x.Len / size
	own, left := x.Slice(rank*n, n), lost.Slice(rank*n, n) // the sum takes the place of what was rounded
	if err := p.sumBfloat16(ctx, own, x, lost); err != nil {
		return err
	}
	part := p.rounded.Slice(rank*n/2, n/2)
	if err := p.stream.launch(function{"bfloat16", "round_pairs"}, n/2, n/2, own, left, part); err != nil {
		return err
	}
	if err := p.joined.Start(ctx, p.stream, nccl.AllGather(uintptr(p.rounded.Addr), uintptr(part.Addr), n, nccl.Bfloat16)); err != nil {
		return err
	}
	return p.stream.launch(function{"bfloat16", "widen_pairs"}, x.Len/2, x.Len/2, p.rounded, x)
}

// ReduceScatterBfloat16 implements kernel.Peers.
func (p *peers) ReduceScatterBfloat16(ctx context.Context, own, x, lost kernel.Buffer) (err error) {
	defer fault.Catch(&err)
	return p.sumBfloat16(ctx, own, x, lost)
}

// sumBfloat16 gives own the sum of this rank's part of what the ranks have rounded.
func (p *peers) sumBfloat16(ctx context.Context, own, x, lost kernel.Buffer) error {
	rank, size := p.joined.Rank()
	n := own.Len
	if x.Len != n*size || lost.Len != x.Len || n%2 != 0 {
		return fmt.Errorf("cuda: sums of %d bfloat16 numbers to %d for %d ranks, of which rounding has taken off %d", x.Len, n, size, lost.Len)
	}
	if err := p.room(ctx, x.Len/2); err != nil {
		return err
	}
	p.stream.Follow()
	if err := p.stream.launch(function{"bfloat16", "round_pairs"}, x.Len/2, x.Len/2, x, lost, p.rounded); err != nil {
		return err
	}
	exchange := nccl.AllToAll(uintptr(p.parts.Addr), uintptr(p.rounded.Addr), n, nccl.Bfloat16, size)
	if err := p.joined.Start(ctx, p.stream, exchange...); err != nil {
		return err
	}
	return p.stream.launch(function{"bfloat16", "sum_pairs"}, n/2, n/2, size, p.parts, lost.Slice(rank*n, n), own)
}

// room makes the buffers hold pairs. Operations use them one after the other.
func (p *peers) room(ctx context.Context, pairs int) error {
	if p.parts.Len >= pairs {
		return nil
	}
	if !p.parts.IsNil() { // operations may still use them
		if err := p.Wait(ctx); err != nil {
			return err
		}
	}
	p.device.Free(p.rounded)
	p.device.Free(p.parts)
	p.rounded, p.parts = p.device.AllocInts(pairs), p.device.AllocInts(pairs)
	p.device.Fill(p.rounded, 0)
	p.device.Fill(p.parts, 0)
	return nil
}
