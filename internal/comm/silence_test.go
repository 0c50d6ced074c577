package comm

import (
	"errors"
	"slices"
	"testing"
	"time"
)

// TestSilence has five ranks as rank 2 hears them: ranks 0 and 1 fall silent one after the other, rank 3 leaves, and rank 4 goes on. Rank 2
// itself is suspended meanwhile.
func TestSilence(t *testing.T) {
	const timeout = 8 * time.Second
	now := time.Unix(0, 0)
	s := NewSilence(Place{Rank: 2, Size: 5}, timeout, HeartbeatInterval(timeout), now)
	if got := HeartbeatInterval(time.Hour); got != 5*time.Second {
		t.Errorf("heartbeats every %v", got)
	}
	noticed := 0
	for second := 1; second <= 12; second++ {
		now = now.Add(time.Second)
		if second == 5 {
			now = now.Add(time.Hour) // it counts as one interval more
		}
		s.Listen(now)
		if second <= 2 {
			s.Heard(0)
		}
		if second <= 3 {
			s.Heard(1)
			s.Left(3)
			s.Heard(3) // a heartbeat that is late changes nothing
		}
		if second%3 == 0 {
			s.Heard(4)
		}
		var silent *Silent
		if err := s.Err(); !errors.As(err, &silent) {
			continue
		}
		if want := "ranks 0, 1 have given no sign of life for 8s"; silent.Error() != want || !slices.Equal(silent.Ranks, []int{0, 1}) {
			t.Fatalf("after %d s: %v, want %q", second, silent, want)
		}
		noticed = second
		break
	}
	if noticed != 9 { // 8 s after the last heartbeat of rank 0, but for the interval that is counted for the hour
		t.Errorf("silence is noticed after %d s", noticed)
	}
	if !s.HasLeft(3) || !s.HasLeft(2) || s.HasLeft(0) {
		t.Error("rank 3 has left, and a rank doesn't listen to itself")
	}
}
