package mpi

import (
	"unsafe"

	"context"
	"fmt"

	"github.com/bestiary-ml/bestiary/internal/comm"
)

// most is the largest number of elements of a call, whose counts are C ints.
const most = 1 << 30

// start queues operations. Those of a World are made one after the other, in the order of their start; begin starts one in the
// library. keep is the memory that they read and write.
func (w *World) start(ctx context.Context, keep any, begin ...func(request *uint64) error) *comm.Result {
	return w.startWith(ctx, keep, func() {}, begin...)
}

// startWith is start with something to do at the end.
func (w *World) startWith(ctx context.Context, keep any, end func(), begin ...func(request *uint64) error) *comm.Result {
	p := comm.NewResult()
	job := func() {
		for _, begin := range begin {
			request := new(uint64)
			if err := begin(request); err != nil {
				p.End(err)
				return
			}
			if err := w.wait(ctx, request); err != nil {
				w.lost = append(w.lost, keep, request, w.scratch)
				w.scratch = scratch{}
				p.End(err)
				return
			}
		}
		end()
		p.End(nil)
	}
	w.jobs <- job
	return p
}

// AllReduce implements [comm.Group].
func (w *World) AllReduce(ctx context.Context, x []float32) comm.Pending {
	l := w.library
	var parts []func(*uint64) error
	for len(x) > 0 {
		part := x[:min(len(x), most)]
		parts = append(parts, func(request *uint64) error {
			return l.check(iAllreduce, l.inPlace, uintptr(unsafe.Pointer(&part[0])), uintptr(len(part)), l.float, l.sum, l.world, uintptr(unsafe.Pointer(request)))
		})
		x = x[len(part):]
	}
	return w.start(ctx, x, parts...)
}

// ReduceScatter implements [comm.Group]. Each rank sends each other its part of x and adds what it gets, in the order of the ranks: that
// is (N−1)/N of x, the least there can be. Open MPI's MPI_Ireduce_scatter_block sums at rank 0 and sends twice as much.
func (w *World) ReduceScatter(ctx context.Context, own, x []float32) comm.Pending {
	l := w.library
	if err := w.parts("ReduceScatter", len(own), len(x)); err != nil {
		return failed(err)
	}
	begin := func(request *uint64) error {
		parted := room(&w.scratch.parted, len(x))
		return l.check(iAlltoall, uintptr(unsafe.Pointer(&x[0])), uintptr(len(own)), l.float, uintptr(unsafe.Pointer(&parted[0])), uintptr(len(own)), l.float, l.world, uintptr(unsafe.Pointer(request)))
	}
	add := func() {
		parted := w.scratch.parted
		copy(own, parted)
		for r := 1; r < w.place.Size; r++ {
			part := parted[r*len(own) : (r+1)*len(own)]
			for i, v := range part {
				own[i] += v
			}
		}
	}
	return w.startWith(ctx, [][]float32{own, x}, add, begin)
}

// scratch is memory that operations use one after the other.
type scratch struct {
	parted         []float32 // what ReduceScatter gets from the ranks
	rounded, parts []uint16  // what operations of bfloat16 numbers send, and get
}

// room returns n elements of memory that grows.
func room[T any](of *[]T, n int) []T {
	if len(*of) < n {
		*of = make([]T, n)
	}
	return (*of)[:n]
}

// AllGather implements [comm.Group].
func (w *World) AllGather(ctx context.Context, all, own []float32) comm.Pending {
	l := w.library
	if err := w.parts("AllGather", len(own), len(all)); err != nil {
		return failed(err)
	}
	return w.start(ctx, [][]float32{all, own}, func(request *uint64) error {
		from := uintptr(unsafe.Pointer(&own[0]))
		if &own[0] == &all[w.place.Rank*len(own)] {
			from = l.inPlace // MPI forbids that the two overlap
		}
		return l.check(iAllgather, from, uintptr(len(own)), l.float, uintptr(unsafe.Pointer(&all[0])), uintptr(len(own)), l.float, l.world, uintptr(unsafe.Pointer(request)))
	})
}

// Gather implements [comm.Group].
func (w *World) Gather(ctx context.Context, own []byte) ([][]byte, error) {
	l, n := w.library, len(own)
	if n == 0 || n > most/w.place.Size {
		return nil, fmt.Errorf("mpi: Gather of %d bytes by %d ranks", n, w.place.Size)
	}
	together := make([]byte, n*w.place.Size)
	err := w.start(ctx, [][]byte{own, together}, func(request *uint64) error {
		return l.check(iAllgather, uintptr(unsafe.Pointer(&own[0])), uintptr(n), l.bytes, uintptr(unsafe.Pointer(&together[0])), uintptr(n), l.bytes, l.world, uintptr(unsafe.Pointer(request)))
	}).Wait()
	var all [][]byte
	for i := range w.place.Size {
		all = append(all, together[i*n:(i+1)*n])
	}
	return all, err
}

// Broadcast implements [comm.Group].
func (w *World) Broadcast(ctx context.Context, data []byte, root int) error {
	l := w.library
	var parts []func(*uint64) error
	for len(data) > 0 {
		part := data[:min(len(data), most)]
		parts = append(parts, func(request *uint64) error {
			return l.check(iBcast, uintptr(unsafe.Pointer(&part[0])), uintptr(len(part)), l.bytes, uintptr(root), l.world, uintptr(unsafe.Pointer(request))) // #nosec G115 -- a rank
		})
		data = data[len(part):]
	}
	return w.start(ctx, data, parts...).Wait()
}

// Barrier implements [comm.Group].
func (w *World) Barrier(ctx context.Context) error {
	l := w.library
	return w.start(ctx, nil, func(request *uint64) error { return l.check(iBarrier, l.world, uintptr(unsafe.Pointer(request))) }).Wait()
}

// parts checks that all has a part for each rank.
func (w *World) parts(operation string, own, all int) error {
	if own == 0 || own > most || all != own*w.place.Size {
		return fmt.Errorf("mpi: %s of %d elements in parts of %d for %d ranks", operation, all, own, w.place.Size)
	}
	return nil
}

// failed is an operation that wasn't started.
func failed(err error) *comm.Result {
	p := comm.NewResult()
	p.End(err)
	return p
}
