package mpi

import (
	"unsafe"

	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/bestiary-ml/bestiary/internal/comm"
)

// heartbeats are messages of one byte that the ranks send each other. The thread of MPI sends and receives them while it has nothing to do or
// waits for an operation, whatever the rest of the program does. So a rank that is stopped can be told from one that computes or writes for
// long.
type heartbeats struct {
	silence *comm.Silence
	ticker  *time.Ticker
	sends   []send // by rank
	got     []byte // what is received
	err     error  // as of the last exchange: a rank is silent
}

// send is the last heartbeat that was sent to a rank.
type send struct {
	request uint64
	busy    bool // it hasn't ended
}

// Contents of a heartbeat. The memory stays, as messages may be on their way.
var (
	here   = []byte{1}
	leaves = []byte{2} // it is the last one
)

// heartbeatTag is the tag of heartbeats.
const heartbeatTag = 1978

// Watch makes the ranks send each other heartbeats from now on: all call it. An operation ends with a [*comm.Silent] once another rank has
// been silent for the timeout, however long the operation may take by its context. The ranks may have different timeouts.
func (w *World) Watch(ctx context.Context, timeout time.Duration) error {
	all, err := w.Gather(ctx, binary.LittleEndian.AppendUint64(nil, uint64(timeout))) // #nosec G115 -- its bits
	if err != nil {
		return err
	}
	shortest := timeout
	for _, other := range all {
		shortest = min(shortest, time.Duration(binary.LittleEndian.Uint64(other))) // #nosec G115 -- its bits
	}
	return w.run(func() error {
		interval := comm.HeartbeatInterval(shortest)
		silence := comm.NewSilence(w.place, timeout, interval, time.Now())
		w.heartbeats = &heartbeats{silence, time.NewTicker(interval), make([]send, w.place.Size), make([]byte, 1), nil}
		w.tick = w.heartbeats.ticker.C
		w.heartbeat()
		return nil
	})
}

// heartbeat sends a heartbeat to all others, receives theirs, and notes whether a rank is silent.
func (w *World) heartbeat() {
	for rank := range w.place.Size {
		if rank != w.place.Rank {
			w.send(rank, here)
		}
	}
	w.listen()
	w.heartbeats.err = w.heartbeats.silence.Err()
}

// send sends a heartbeat to a rank, unless the one before it is still on its way: then the rank doesn't receive, and more would only take
// memory. An error isn't told: the rank that gets no heartbeat notices.
func (w *World) send(rank int, what []byte) (sent bool) {
	l, s := w.library, &w.heartbeats.sends[rank]
	if w.sending(rank) {
		return false
	}
	s.busy = l.check(iSend, uintptr(unsafe.Pointer(&what[0])), 1, l.bytes, uintptr(rank), heartbeatTag, l.world, uintptr(unsafe.Pointer(&s.request))) == nil // #nosec G115 -- a rank
	return true
}

// sending reports whether the last heartbeat to a rank is on its way.
func (w *World) sending(rank int) bool {
	l, s := w.library, &w.heartbeats.sends[rank]
	if s.busy {
		done := new(int32)
		err := l.check(test, uintptr(unsafe.Pointer(&s.request)), uintptr(unsafe.Pointer(done)), l.statusIgnore)
		s.busy = err == nil && *done == 0
	}
	return s.busy
}

// listen receives the heartbeats that have come.
func (w *World) listen() {
	l, b := w.library, w.heartbeats
	b.silence.Listen(time.Now())
	for rank := range w.place.Size {
		if rank == w.place.Rank {
			continue
		}
		for w.came(rank, heartbeatTag) {
			if l.check(receive, uintptr(unsafe.Pointer(&b.got[0])), 1, l.bytes, uintptr(rank), heartbeatTag, l.world, l.statusIgnore) != nil { // #nosec G115 -- a rank
				break
			}
			if b.silence.Heard(rank); b.got[0] == leaves[0] {
				b.silence.Left(rank)
			}
		}
	}
}

// came reports whether a message of a rank is there.
func (w *World) came(rank int, tag uintptr) bool {
	l, found := w.library, new(int32)
	err := l.check(iProbe, uintptr(rank), tag, l.world, uintptr(unsafe.Pointer(found)), l.statusIgnore) // #nosec G115 -- a rank
	return err == nil && *found != 0
}

// checkSilence exchanges heartbeats if it is time, and returns a [*comm.Silent] if a rank is silent as of the last exchange. So queued
// operations fail one after the other, without waiting for the next exchange.
func (w *World) checkSilence() error {
	if w.heartbeats == nil {
		return nil
	}
	select {
	case <-w.tick:
		w.heartbeat()
	default:
	}
	return w.heartbeats.err
}

// farewell ends the heartbeats: the last ones say that the ranks leave, so that no message is on its way when MPI ends.
func (w *World) farewell(ctx context.Context) error {
	if w.heartbeats == nil {
		return nil
	}
	w.heartbeats.ticker.Stop()
	w.tick = nil
	told := make([]bool, w.place.Size)
	told[w.place.Rank] = true
	for {
		var waits []int
		w.listen()
		for rank := range told {
			told[rank] = told[rank] || w.send(rank, leaves)
			if !w.heartbeats.silence.HasLeft(rank) || rank != w.place.Rank && (!told[rank] || w.sending(rank)) {
				waits = append(waits, rank)
			}
		}
		if waits == nil {
			return nil
		}
		if err := w.heartbeats.silence.Err(); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("%s not left within %v; see what the others say", comm.Clause(waits, "has", "have"), leaveWait)
		}
		time.Sleep(longestSleep)
	}
}
