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

// TestRelease gives back pages: what is kept stays, the rest can't be read, takes no memory, and is writable again at the same place.
func TestRelease(t *testing.T) {
	const size = 64<<20 + 100
	r, err := Reserve(size)
	if err != nil {
		t.Fatal(err)
	}
	m := r.Bytes()
	for i := range m {
		m[i] = byte(i%251 + 1)
	}
	kept, end := 1<<20+10, 2<<20+5000
	before := resident(t)
	for _, part := range [][2]int{{0, kept}, {end, size}} {
		if err := r.Release(part[0], part[1]); err != nil {
			t.Fatal(err)
		}
	}
	if given := before - resident(t); given < 60<<20 {
		t.Errorf("%d bytes were given back, of 63 MB", given)
	}
	for i := kept; i < end; i++ {
		if m[i] != byte(i%251+1) {
			t.Fatalf("byte %d of the part that is kept has changed", i)
		}
	}
	for _, i := range []int{0, kept - os.Getpagesize() - 10, end + os.Getpagesize(), size - 1} {
		if !faults(&m[i]) {
			t.Errorf("byte %d can be read", i)
		}
	}
	for _, part := range [][2]int{{0, kept}, {end, size}} {
		if err := r.Restore(part[0], part[1]); err != nil {
			t.Fatal(err)
		}
	}
	if m[0] != 0 || m[size-1] != 0 || m[kept] != byte(kept%251+1) {
		t.Error("restored bytes aren't zeros, or kept ones have changed")
	}
	m[0], m[size-1] = 1, 1
	if err := r.Free(); err != nil {
		t.Error(err)
	}
}

// TestRange finds the whole pages within bytes.
func TestRange(t *testing.T) {
	p := pageSize
	r := &Region{memory: make([]byte, 3*p+10)}
	for _, c := range [][4]int{{0, 3*p + 10, 0, 3*p + 10}, {1, 2 * p, p, 2 * p}, {0, p - 1, 0, 0}, {5, 9, p, p}, {2*p + 1, 3*p + 10, 3 * p, 3*p + 10}, {3*p + 1, 3*p + 10, 4 * p, 4 * p}} {
		if first, end := r.Range(c[0], c[1]); first != c[2] || end != c[3] {
			t.Errorf("[%d, %d): [%d, %d), want [%d, %d)", c[0], c[1], first, end, c[2], c[3])
		}
	}
}
