package simd

// ProductsFor returns the kernels of a level, or nil for Portable.
func ProductsFor(level Level) *Products {
	switch level {
	case AVX2:
		return &Products{Lanes: 8, Height: 6, tiles: avx2Tiles, Transpose: transpose8, FMALoop: fmaLoopAVX2}
	case AVX512:
		return &Products{Lanes: 16, Height: 12, tiles: avx512Tiles, Transpose: transpose8, FMALoop: fmaLoopAVX512}
	}
	return nil
}
