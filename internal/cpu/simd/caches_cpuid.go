//go:build !(linux && arm64)

package simd

import "github.com/klauspost/cpuid/v2"

// caches asks the processor, which only x86-64 answers.
func caches() Caches {
	c := cpuid.CPU.Cache
	return Caches{max(0, c.L1D), max(0, c.L2), max(0, c.L3)}
}
