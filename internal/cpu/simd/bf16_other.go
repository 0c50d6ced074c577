//go:build !amd64

package simd

// BF16For returns nil: other processors have no bfloat16 kernels here.
func BF16For(Level) *BF16 { return nil }
