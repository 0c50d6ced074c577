package simd

import "golang.org/x/sys/cpu"

// assembled returns the levels with assembly. A processor with AVX-512 also runs the code for AVX2.
func assembled() []Level {
	x := &cpu.X86
	switch {
	case !x.HasAVX2 || !x.HasFMA:
		return nil
	case x.HasAVX512F && x.HasAVX512BW && x.HasAVX512DQ && x.HasAVX512VL:
		return []Level{AVX2, AVX512}
	default:
		return []Level{AVX2}
	}
}
