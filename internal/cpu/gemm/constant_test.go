package gemm

import "testing"

// TestRoom: the cache takes no more memory than it counts, but for a cache line an entry, and gives none when it is full.
func TestRoom(t *testing.T) {
	const size, entries = MostConstants / 4, 4
	c, taken := constants{}, 0
	for i := range entries {
		room, kept := c.Room(Constant{Weights: uint64(i + 1)}, size)
		if len(room) != size || kept {
			t.Fatalf("entry %d has %d elements, kept: %t", i, len(room), kept)
		}
		taken += cap(room)
	}
	if taken > MostConstants+16*entries {
		t.Errorf("%d elements are taken, %d allowed", taken, MostConstants)
	}
	if room, _ := c.Room(Constant{Weights: entries + 1}, 1); room != nil {
		t.Error("a full cache gives room")
	}
	if room, kept := c.Room(Constant{Weights: 1}, size); len(room) != size || !kept {
		t.Error("an entry is lost")
	}
}
