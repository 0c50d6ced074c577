// Package simd has the assembly of internal/cpu for AVX2, AVX-512, AVX512-BF16 and AMX, which the generators in internal/cpu/asm
// write, the Go declarations of its arguments, and the detection of what a processor has.
package simd

import "golang.org/x/sys/cpu"

// Level is a kernel set. A processor with a level also has the lower ones.
type Level int

const (
	Portable Level = iota // Go only
	AVX2                  // AVX2 and FMA: x86-64 since 2013 (Haswell, Zen)
	AVX512                // AVX-512 F, BW, DQ and VL: servers since 2017 (Skylake-SP), Zen since 2022 (Zen 4)
)

// Detect returns the highest level that this processor and its operating system support.
func Detect() Level {
	x := &cpu.X86
	switch {
	case !x.HasAVX2 || !x.HasFMA:
		return Portable
	case x.HasAVX512F && x.HasAVX512BW && x.HasAVX512DQ && x.HasAVX512VL:
		return AVX512
	default:
		return AVX2
	}
}

// String is the name of the level in options and reports.
func (l Level) String() string {
	switch l {
	case AVX2:
		return "avx2"
	case AVX512:
		return "avx512"
	default:
		return "portable"
	}
}
