package simd

// ProductsFor returns the kernels of a level, or nil for Portable.
func ProductsFor(level Level) *Products {
	if level == NEON {
		return &Products{Lanes: 8, Height: 6, tiles: neonTiles, Transpose: transpose8NEON, FMALoop: fmaLoopNEON}
	}
	return nil
}
