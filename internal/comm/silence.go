package comm

import (
	"fmt"
	"time"
)

// Silent is the error of an operation that ended before its context, as ranks have given no sign of life for a time: they are stopped, or
// their machine is gone. The group is unusable then, but for Abort.
type Silent struct {
	Ranks []int
	Time  time.Duration
}

// Error implements error.
func (s *Silent) Error() string {
	return fmt.Sprintf("%s given no sign of life for %v", Clause(s.Ranks, "has", "have"), s.Time)
}

// Silence notes when a rank has last heard from each of the others, which send heartbeats. Its clock runs only while the rank itself
// listens, so one that was suspended doesn't take the others for silent when it goes on.
type Silence struct {
	timeout, interval time.Duration
	clock             time.Duration
	listened          time.Time       // when Listen was last called
	heard             []time.Duration // by rank: the clock at its last heartbeat, or never
}

// never is later than any clock: the rank isn't listened to.
const never = time.Duration(1<<63 - 1)

// HeartbeatInterval is the time between two heartbeats of a rank, and between two calls of Listen, if the shortest timeout of the ranks is
// this. There are several heartbeats in a timeout, as they may come late. One in five seconds costs nothing.
func HeartbeatInterval(shortest time.Duration) time.Duration { return min(shortest/8, 5*time.Second) }

// NewSilence starts to listen now. A rank is silent if nothing has come from it for the timeout.
func NewSilence(p Place, timeout, interval time.Duration, now time.Time) *Silence {
	s := &Silence{timeout: timeout, interval: interval, listened: now, heard: make([]time.Duration, p.Size)}
	s.heard[p.Rank] = never
	return s
}

// Heard notes a heartbeat of a rank.
func (s *Silence) Heard(rank int) {
	if s.heard[rank] != never {
		s.heard[rank] = s.clock
	}
}

// Left notes that a rank sends no heartbeats from now on.
func (s *Silence) Left(rank int) { s.heard[rank] = never }

// HasLeft reports whether a rank sends no heartbeats any longer.
func (s *Silence) HasLeft(rank int) bool { return s.heard[rank] == never }

// Listen moves the clock on. Heartbeats that have come are noted afterwards, and then Err is called.
func (s *Silence) Listen(now time.Time) {
	s.clock += min(now.Sub(s.listened), 2*s.interval)
	s.listened = now
}

// Err returns a [*Silent] if a rank is silent. It names also those that have said nothing for half of the timeout: ranks of one machine are
// lost together, but their last heartbeats came one after the other.
func (s *Silence) Err() error {
	long, half := false, []int(nil)
	for rank, heard := range s.heard {
		silent := s.clock - heard
		long = long || silent >= s.timeout
		if silent >= s.timeout/2 {
			half = append(half, rank)
		}
	}
	if !long {
		return nil
	}
	return &Silent{half, s.timeout}
}
