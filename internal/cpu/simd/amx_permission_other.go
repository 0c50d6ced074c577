//go:build !linux || !amd64

package simd

// permitTiles returns false: only Linux has a request for tiles.
func permitTiles() bool { return false }
