package pages

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Supported reports whether Reserve works.
const Supported = true

// Region is a range of addresses outside of the program's heap. It has memory between Restore and Release. Free ends it.
type Region struct{ memory []byte }

// Reserve returns a region of that many bytes, 1 or more, without memory.
func Reserve(bytes int) (*Region, error) {
	memory, err := unix.Mmap(-1, 0, bytes, unix.PROT_NONE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return nil, fmt.Errorf("can't reserve %d bytes of addresses: %w", bytes, err)
	}
	return &Region{memory}, nil
}

// Bytes returns the addresses.
func (r *Region) Bytes() []byte { return r.memory }

// Release gives the memory back to the system. Until Restore, reading it ends the program: a mistake must not compute with zeros.
func (r *Region) Release() error {
	if err := unix.Madvise(r.memory, unix.MADV_DONTNEED); err != nil {
		return fmt.Errorf("can't give memory back: %w", err)
	}
	return r.protect(unix.PROT_NONE)
}

// Restore gives the region memory of zeros or, if it has memory, changes nothing.
func (r *Region) Restore() error { return r.protect(unix.PROT_READ | unix.PROT_WRITE) }

func (r *Region) protect(how int) error {
	if err := unix.Mprotect(r.memory, how); err != nil {
		return fmt.Errorf("can't change the access to memory (%w); raise vm.max_map_count of the system", err)
	}
	return nil
}

// Free ends the region, which must not be used any more.
func (r *Region) Free() error { return unix.Munmap(r.memory) }
