package portable

import (
	"runtime/debug"
	"unsafe"

	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/internal/pages"
)

// regions implements kernel.Regions by pages of the system.
type regions[F Float] struct{}

// Available implements kernel.Regions.
func (regions[F]) Available() error {
	if !pages.Supported {
		return pages.ErrUnsupported
	}
	return nil
}

// Reserve implements kernel.Regions.
func (regions[F]) Reserve(n int) (kernel.Region, error) {
	r, err := pages.Reserve(n * int(unsafe.Sizeof(F(0))))
	if err != nil {
		return nil, err
	}
	return region[F]{r}, nil
}

// Trim implements kernel.Regions.
func (regions[F]) Trim() { debug.FreeOSMemory() }

// region implements kernel.Region.
type region[F Float] struct{ *pages.Region }

// Data implements kernel.Region.
func (r region[F]) Data() kernel.Buffer {
	b, size := r.Bytes(), int(unsafe.Sizeof(F(0)))
	return kernel.Buffer{Host: unsafe.Pointer(unsafe.SliceData(b)), Len: len(b) / size, Size: size}
}
