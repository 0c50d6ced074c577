//go:build !amd64

package simd

// BF16For returns nil: other processors have no bfloat16 kernels here.
func BF16For(Level) *BF16 { return nil }

// BF16Pays reports whether products by the kernels of [BF16For] take less time than those in float32.
func BF16Pays() bool { return false }
