package pages

import (
	"bytes"
	"os"
	"runtime/debug"
	"strconv"
	"testing"
)

// resident returns the memory of this process that is in use, in bytes.
func resident(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.Atoi(string(bytes.Fields(text)[1]))
	if err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}

// faults reports whether reading a byte faults.
func faults(b *byte) (fault bool) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() { fault = recover() != nil }()
	sink = *b
	return false
}

var sink byte

// TestRelease gives memory back: it can't be read and takes no memory until it is usable again, at the same place.
func TestRelease(t *testing.T) {
	const size = 64<<20 + 100
	r, err := Reserve(size)
	if err != nil {
		t.Fatal(err)
	}
	m := r.Bytes()
	if !faults(&m[0]) {
		t.Error("reserved addresses can be read")
	}
	if err := r.Restore(); err != nil {
		t.Fatal(err)
	}
	for i := range m {
		m[i] = byte(i%251 + 1)
	}
	if err := r.Restore(); err != nil || m[size-1] != (size-1)%251+1 {
		t.Errorf("Restore changes memory that is there: %v", err)
	}
	before := resident(t)
	if err := r.Release(); err != nil {
		t.Fatal(err)
	}
	if given := before - resident(t); given < 60<<20 {
		t.Errorf("%d bytes were given back, of 64 MB", given)
	}
	for _, i := range []int{0, size / 2, size - 1} {
		if !faults(&m[i]) {
			t.Errorf("byte %d can be read", i)
		}
	}
	if err := r.Restore(); err != nil {
		t.Fatal(err)
	}
	if m[0] != 0 || m[size/2] != 0 || m[size-1] != 0 {
		t.Error("restored bytes aren't zeros")
	}
	m[0], m[size-1] = 1, 1
	if err := r.Free(); err != nil {
		t.Error(err)
	}
}
