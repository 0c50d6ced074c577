//go:build !amd64

package simd

// AMXKernels returns nil: other processors have no AMX.
func AMXKernels() *AMX { return nil }
