//go:build !linux

package pages

// Supported reports whether Reserve works.
const Supported = false

// Region is a range of addresses outside of the program's heap; there is none on this system.
type Region struct{ memory []byte }

// Reserve returns ErrUnsupported.
func Reserve(int) (*Region, error) { return nil, ErrUnsupported }

// Bytes returns the addresses.
func (r *Region) Bytes() []byte { return r.memory }

// Release returns ErrUnsupported.
func (r *Region) Release() error { return ErrUnsupported }

// Restore returns ErrUnsupported.
func (r *Region) Restore() error { return ErrUnsupported }

// Free returns ErrUnsupported.
func (r *Region) Free() error { return ErrUnsupported }
