// Package simd holds the assembly of internal/cpu: kernels written with AVX2 and AVX-512 by the generators in
// internal/cpu/asm, the Go declarations of their arguments, and the choice between them.
package simd

import "golang.org/x/sys/cpu"

// Level is a kernel set. A processor that has one has the lower ones too.
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
