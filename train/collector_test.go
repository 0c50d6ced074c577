package train

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

// TestPaceCollector sets the pace by the size of the heap, follows it as the heap grows, and restores the percentage after the
// last of several trainings.
func TestPaceCollector(t *testing.T) {
	for _, c := range []struct {
		live    uint64
		percent int
	}{{0, 400}, {1 << 20, 400}, {8 << 20, 200}, {64 << 20, 25}, {400 << 20, 4}, {1 << 30, 2}, {1 << 40, 2}} {
		if percent := percentFor(c.live); percent != c.percent {
			t.Errorf("%d bytes: %d %%, not %d", c.live, percent, c.percent)
		}
	}

	set := func() int {
		collector.Lock()
		defer collector.Unlock()
		return collector.percent
	}
	before := debug.SetGCPercent(100)
	defer debug.SetGCPercent(before)
	runtime.GC()
	first := PaceCollector()
	second := PaceCollector()
	first()
	small := set()
	data := make([]byte, 200<<20)
	for wait := time.Now(); set() == small && time.Since(wait) < 20*time.Second; time.Sleep(10 * time.Millisecond) {
		runtime.GC()
	}
	if large := set(); large >= small || large > 8 {
		t.Errorf("the percentage of a heap with 200 MiB more is %d, before it was %d", large, small)
	}
	runtime.KeepAlive(data)
	second()
	if after := debug.SetGCPercent(100); after != 100 {
		t.Errorf("after the last training the percentage is %d, before the first it was 100", after)
	}
}
