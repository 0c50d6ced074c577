package gemm

import "testing"

// TestPanelRoom checks what the rule chooses for processors that were measured.
func TestPanelRoom(t *testing.T) {
	for name, x := range map[string]struct{ cache, least, most int }{
		"Zen 5, 1 MB":               {1 << 20, 590 << 10, 600 << 10},
		"Emerald Rapids, 2 MB":      {2 << 20, 600 << 10, 600 << 10},
		"Skylake, 256 kB":           {256 << 10, 140 << 10, 160 << 10},
		"a processor that is mute":  {0, 590 << 10, 600 << 10},
		"a cache that can't be one": {4 << 10, 140 << 10, 160 << 10},
	} {
		if got := panelRoom(x.cache); got < x.least || got > x.most {
			t.Errorf("%s: %d kB", name, got>>10)
		}
	}
}
