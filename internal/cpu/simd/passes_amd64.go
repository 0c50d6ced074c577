package simd

// PassesFor returns the passes of a level, nil for the portable one.
func PassesFor(level Level) *Passes {
	switch level {
	case AVX2:
		return passesAVX2
	case AVX512:
		return passesAVX512
	default:
		return nil
	}
}
