package simd

import (
	"github.com/klauspost/cpuid/v2"
	"golang.org/x/sys/cpu"
)

// BF16For returns the bfloat16 kernels that go with a level, or nil: only AVX-512 has any, and only where the processor
// has AVX512-BF16 (Cooper Lake, Sapphire Rapids, Zen 4 and later ones).
func BF16For(level Level) *BF16 {
	if level == AVX512 && cpu.X86.HasAVX512BF16 {
		return &bf16Tiles
	}
	return nil
}

// BF16Pays reports whether products by the kernels of [BF16For] take less time than those in float32. AMD's processors do twice the work
// of a fused multiply-add in one VDPBF16PS, at the same rate. Intel's do it at half the rate, so the conversion of the operands is
// time lost: gemm/1024 gives 129 GF/s on a Sapphire Rapids without AMX where float32 gives 204.
func BF16Pays() bool { return cpuid.CPU.VendorID != cpuid.Intel }
