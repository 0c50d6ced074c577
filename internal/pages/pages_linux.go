package pages

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Supported reports whether Reserve works.
const Supported = true

var pageSize = os.Getpagesize()

// Region is memory outside of the program's heap. Free ends it.
type Region struct{ memory []byte }

// Reserve returns a region of that many bytes, 1 or more. They are zeros.
func Reserve(bytes int) (*Region, error) {
	memory, err := unix.Mmap(-1, 0, bytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return nil, fmt.Errorf("can't reserve %d bytes of memory: %w", bytes, err)
	}
	return &Region{memory}, nil
}

// Bytes returns the memory.
func (r *Region) Bytes() []byte { return r.memory }

// Release gives the whole pages within the bytes [from, to) back to the system. Until Restore, reading them ends the program: a
// mistake must not compute with zeros.
func (r *Region) Release(from, to int) error {
	first, end := r.Range(from, to)
	if first >= end {
		return nil
	}
	if err := unix.Madvise(r.memory[first:end], unix.MADV_DONTNEED); err != nil {
		return fmt.Errorf("can't give memory back: %w", err)
	}
	return r.protect(first, end, unix.PROT_NONE)
}

// Restore makes the pages that Release gave back usable again. They are zeros.
func (r *Region) Restore(from, to int) error {
	first, end := r.Range(from, to)
	if first >= end {
		return nil
	}
	return r.protect(first, end, unix.PROT_READ|unix.PROT_WRITE)
}

func (r *Region) protect(first, end, how int) error {
	if err := unix.Mprotect(r.memory[first:end], how); err != nil {
		return fmt.Errorf("can't change the access to memory (%w); raise vm.max_map_count of the system", err)
	}
	return nil
}

// Free gives all back. The region must not be used any more.
func (r *Region) Free() error { return unix.Munmap(r.memory) }
