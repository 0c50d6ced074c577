package mpi

import (
	"unsafe"

	"context"
	"time"
)

// pingTag is the tag of the messages of Missing. Nothing else here sends messages.
const pingTag = 1977

// Missing implements [comm.Group]: the ranks send each other a message, and see from whom one comes.
func (w *World) Missing(ctx context.Context) (missing []int) {
	l, here := w.library, make([]bool, w.place.Size)
	here[w.place.Rank] = true
	_ = w.run(func() error {
		ping := []byte{1}
		for rank := range here {
			if rank != w.place.Rank {
				request := new(uint64)
				w.lost = append(w.lost, ping, request)                                                                                               // nobody waits for the end
				_ = l.check(iSend, uintptr(unsafe.Pointer(&ping[0])), 1, l.bytes, uintptr(rank), pingTag, l.world, uintptr(unsafe.Pointer(request))) // #nosec G115 -- a rank
			}
		}
		for found := new(int32); ctx.Err() == nil; time.Sleep(longestSleep) {
			all := true
			for rank := range here {
				if here[rank] {
					continue
				}
				*found = 0
				err := l.check(iProbe, uintptr(rank), pingTag, l.world, uintptr(unsafe.Pointer(found)), l.statusIgnore) // #nosec G115 -- a rank
				here[rank] = err == nil && *found != 0
				all = all && here[rank]
			}
			if all {
				return nil
			}
		}
		return nil
	})
	for rank, answers := range here {
		if !answers {
			missing = append(missing, rank)
		}
	}
	return missing
}
