//go:build !amd64 && !arm64

package simd

// ProductsFor returns the kernels of a level, or nil where there are none.
func ProductsFor(Level) *Products { return nil }
