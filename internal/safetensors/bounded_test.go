package safetensors

import (
	"runtime"
	"testing"
	"time"
)

// multiple is the memory of Decode in bytes for each byte of a file, beside 1 MB. A header's entry for an empty tensor is the
// worst: some 50 bytes of JSON become an entry, a tensor and places in maps.
const multiple = 100

// bounded fails the test if decoding takes much memory or time.
func bounded(t *testing.T, b []byte) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	decodeBytes(b)
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > 1<<20+multiple*uint64(len(b)) {
		t.Errorf("%d bytes took %d bytes", len(b), took)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("%d bytes took %v", len(b), took)
	}
}
