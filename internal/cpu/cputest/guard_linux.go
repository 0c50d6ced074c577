package cputest

import (
	"syscall"
	"testing"
	"unsafe"
)

// Guarded copies v between two pages that must not be touched: to the end of what lies between them, or the beginning.
func Guarded(t *testing.T, v []float32, atEnd bool) []float32 {
	page := syscall.Getpagesize()
	size := (4*len(v) + page - 1) / page * page
	memory, err := syscall.Mmap(-1, 0, size+2*page, syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Munmap(memory) })
	for _, guard := range [][]byte{memory[:page], memory[page+size:]} {
		if err := syscall.Mprotect(guard, syscall.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	between := unsafe.Slice((*float32)(unsafe.Pointer(&memory[page])), size/4)
	g := between[:len(v)]
	if atEnd {
		g = between[len(between)-len(v):]
	}
	copy(g, v)
	return g
}
