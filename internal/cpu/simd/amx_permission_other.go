//go:build !linux || !amd64

package simd

// permitTiles returns false: asking for tiles is only known for Linux.
func permitTiles() bool { return false }
