package mpi

import (
	"unsafe"

	"context"
	"fmt"

	"github.com/bestiary-ml/bestiary/internal/bfloat16"
	"github.com/bestiary-ml/bestiary/internal/comm"
)

// MPI has no bfloat16, but moves bytes. So the sum is an all-to-all of rounded numbers, which each rank adds up for its part.

// AllReduceBfloat16 implements [comm.Group]. The owners of the parts round their sums once more, and gather them.
func (w *World) AllReduceBfloat16(ctx context.Context, x, lost []float32) comm.Pending {
	n := len(x) / w.place.Size
	if err := w.halves("AllReduceBfloat16", n, x, lost); err != nil {
		return failed(err)
	}
	from := w.place.Rank * n
	own, l := x[from:from+n], w.library // the sum takes the place of what was rounded
	gather := func(request *uint64) error {
		w.addUp(own, lost)
		all := w.scratch.rounded[:len(x)]
		bfloat16.Round(all[from:from+n], own, lost[from:])
		return l.check(iAllgather, l.inPlace, uintptr(2*n), l.bytes, uintptr(unsafe.Pointer(&all[0])), uintptr(2*n), l.bytes, l.world, uintptr(unsafe.Pointer(request)))
	}
	return w.startWith(ctx, nil, func() { bfloat16.Widen(x, w.scratch.rounded) }, w.exchange(x, lost), gather)
}

// ReduceScatterBfloat16 implements [comm.Group].
func (w *World) ReduceScatterBfloat16(ctx context.Context, own, x, lost []float32) comm.Pending {
	if err := w.halves("ReduceScatterBfloat16", len(own), x, lost); err != nil {
		return failed(err)
	}
	return w.startWith(ctx, nil, func() { w.addUp(own, lost) }, w.exchange(x, lost))
}

// exchange returns what rounds x and sends each rank its part.
func (w *World) exchange(x, lost []float32) func(request *uint64) error {
	l, bytes := w.library, uintptr(2*len(x)/w.place.Size)
	return func(request *uint64) error {
		from, to := room(&w.scratch.rounded, len(x)), room(&w.scratch.parts, len(x))
		bfloat16.Round(from, x, lost)
		return l.check(iAlltoall, uintptr(unsafe.Pointer(&from[0])), bytes, l.bytes, uintptr(unsafe.Pointer(&to[0])), bytes, l.bytes, l.world, uintptr(unsafe.Pointer(request)))
	}
}

// addUp gives own the sum of the parts that exchange got.
func (w *World) addUp(own, lost []float32) {
	n := len(own)
	bfloat16.Sum(own, w.scratch.parts[:n*w.place.Size], lost[w.place.Rank*n:])
}

// halves checks the lengths of an operation of bfloat16 numbers, which MPI counts in bytes.
func (w *World) halves(operation string, own int, x, lost []float32) error {
	if len(lost) != len(x) || own > most/2 {
		return fmt.Errorf("mpi: %s of %d elements, of which rounding has taken off %d", operation, len(x), len(lost))
	}
	return w.parts(operation, own, len(x))
}
