//go:build !amd64 && !arm64

package simd

// assembled returns no level: other processors run the portable code.
func assembled() []Level { return nil }
