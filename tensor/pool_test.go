package tensor

import (
	"testing"
)

// TestTrim checks that turns of many sizes don't add up their buffers, and that repeated work keeps its own.
func TestTrim(t *testing.T) {
	d := openProcessorToTest(t)
	held := func() (bytes int) {
		for _, list := range d.idle.free {
			bytes += list.bytes()
		}
		return bytes
	}
	turn := func(n int) {
		t.Helper()
		if err := d.Exclusive(t.Context(), func() error {
			defer d.Scratch().End()
			d.Zeros(n).Add(d.Zeros(n)).Values()
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	turn(32 << 10)
	once := held()
	if once < 3*4*32<<10 {
		t.Fatalf("a turn leaves %d bytes idle", once)
	}
	for round := range 4 {
		for n := 1; n <= 32; n++ {
			turn(n << 10)
			if got := held(); got > once*9/8+4096 {
				t.Fatalf("round %d: %d bytes are idle after turns of at most %d", round, got, once)
			}
		}
	}
	turn(32 << 10)
	for range 2 * recentTurns {
		if err := d.Exclusive(t.Context(), func() error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	turn(1 << 10)
	if got := held(); got < once {
		t.Errorf("a small turn frees the buffers of the turn before: %d bytes are left of %d", got, once)
	}
}
