//go:build !linux

package pages

// Supported reports whether Reserve works.
const Supported = false

const pageSize = 4096

// Region is memory outside of the program's heap; there is none on this system.
type Region struct{ memory []byte }

// Reserve returns ErrUnsupported.
func Reserve(int) (*Region, error) { return nil, ErrUnsupported }

// Bytes returns the memory.
func (r *Region) Bytes() []byte { return r.memory }

// Release returns ErrUnsupported.
func (r *Region) Release(_, _ int) error { return ErrUnsupported }

// Restore returns ErrUnsupported.
func (r *Region) Restore(_, _ int) error { return ErrUnsupported }

// Free returns ErrUnsupported.
func (r *Region) Free() error { return ErrUnsupported }
