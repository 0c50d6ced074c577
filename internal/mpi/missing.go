package mpi

import (
	"unsafe"

	"context"
	"errors"
	"time"

	"github.com/bestiary-ml/bestiary/internal/comm"
)

// pingTag is the tag of the messages of Missing, which are no heartbeats: a rank sends them once it misses another itself.
const pingTag = 1977

// Missing implements [comm.Group]: the ranks send each other a message, and see from whom one comes. Once ranks are silent, they are the
// answer: others may wait for them elsewhere and send no such message.
func (w *World) Missing(ctx context.Context) (missing []int) {
	l, answered := w.library, make([]bool, w.place.Size)
	answered[w.place.Rank] = true
	var silent *comm.Silent
	_ = w.run(func() error {
		ping := []byte{1}
		for rank := range answered {
			if rank != w.place.Rank {
				request := new(uint64)
				w.lost = append(w.lost, ping, request)                                                                                               // nobody waits for the end
				_ = l.check(iSend, uintptr(unsafe.Pointer(&ping[0])), 1, l.bytes, uintptr(rank), pingTag, l.world, uintptr(unsafe.Pointer(request))) // #nosec G115 -- a rank
			}
		}
		for ; ctx.Err() == nil; time.Sleep(longestSleep) {
			if errors.As(w.checkSilence(), &silent) {
				return nil
			}
			all := true
			for rank := range answered {
				answered[rank] = answered[rank] || w.came(rank, pingTag)
				all = all && answered[rank]
			}
			if all {
				return nil
			}
		}
		return nil
	})
	if silent != nil {
		return silent.Ranks
	}
	for rank, ok := range answered {
		if !ok {
			missing = append(missing, rank)
		}
	}
	return missing
}
