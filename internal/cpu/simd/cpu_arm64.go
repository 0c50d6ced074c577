package simd

// assembled returns the levels with assembly: Go itself needs NEON on arm64.
func assembled() []Level { return []Level{NEON} }
