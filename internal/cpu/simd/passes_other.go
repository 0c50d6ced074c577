//go:build !amd64 && !arm64

package simd

// PassesFor returns nil: other processors run the portable code.
func PassesFor(Level) *Passes { return nil }
