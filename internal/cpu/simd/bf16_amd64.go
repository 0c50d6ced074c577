package simd

import "golang.org/x/sys/cpu"

// BF16For returns the bfloat16 kernels that go with a level, or nil: only AVX-512 has any, and only where the processor
// has AVX512-BF16 (Cooper Lake, Sapphire Rapids, Zen 4 and later ones).
func BF16For(level Level) *BF16 {
	if level == AVX512 && cpu.X86.HasAVX512BF16 {
		return &bf16Tiles
	}
	return nil
}
