// Package simd has the assembly of internal/cpu for AVX2, AVX-512, AVX512-BF16, AMX and NEON, which the generators in
// internal/cpu/asm write, the Go declarations of its arguments, and the detection of what a processor has.
package simd

// Level is a kernel set.
type Level int

const (
	Portable Level = iota // Go only
	AVX2                  // AVX2 and FMA: x86-64 since 2013 (Haswell, Zen)
	AVX512                // AVX-512 F, BW, DQ and VL: servers since 2017 (Skylake-SP), Zen since 2022 (Zen 4)
	NEON                  // Advanced SIMD: every arm64
)

// All are the kernel sets of all processors.
var All = []Level{Portable, AVX2, AVX512, NEON}

// Levels returns the kernel sets that this processor and its operating system support: the portable one first, the fastest last.
func Levels() []Level { return append([]Level{Portable}, assembled()...) }

// Detect returns the fastest of Levels.
func Detect() Level {
	all := Levels()
	return all[len(all)-1]
}

// String is the name of the level in options and reports.
func (l Level) String() string {
	switch l {
	case AVX2:
		return "avx2"
	case AVX512:
		return "avx512"
	case NEON:
		return "neon"
	default:
		return "portable"
	}
}
