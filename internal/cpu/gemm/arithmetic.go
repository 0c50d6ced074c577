package gemm

import (
	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// Arithmetic is what products are computed in. Everything else, attention included, is float32 throughout. In bfloat16,
// numbers near the lower end of float32's range count as zero, or lose their low part (from 2⁻¹⁰⁹ on), and a product beyond its
// upper end may come out as not-a-number instead of infinite; infinities that are there and not-a-number stay what they are.
type Arithmetic int

const (
	Float32            Arithmetic = iota
	BFloat16                      // operands rounded to bfloat16, products summed in float32: by AVX512-BF16
	BFloat16Tiles                 // the same on AMX's tiles
	SplitBFloat16Tiles            // operands split into two bfloat16 numbers, three products of them: on AMX's tiles
	SplitBFloat16                 // the same by AVX512-BF16, for tests: slower than float32
)

func (a Arithmetic) String() string {
	return [...]string{
		"float32", "bfloat16 (AVX512-BF16)", "bfloat16 (AMX)", "three bfloat16 products (AMX)", "three bfloat16 products (AVX512-BF16)",
	}[a]
}

// Tiles reports whether AMX's tiles multiply.
func (a Arithmetic) Tiles() bool { return a == BFloat16Tiles || a == SplitBFloat16Tiles }

// Precision is the highest that an arithmetic is exact enough for.
func (a Arithmetic) Precision() kernel.Precision {
	return [...]kernel.Precision{kernel.Highest, kernel.Medium, kernel.Medium, kernel.High, kernel.High}[a]
}

// hasAMX is changed by tests that run on emulated tiles.
var hasAMX = simd.HasAMX

// ArithmeticOf tells what products are computed in with a kernel set at a precision: in what is fastest on this processor
// among all that is exact enough. Without AMX that is float32 for high: AVX512-BF16 does two bfloat16 products in the time
// of a float32 one, so the three that it takes would be slower.
func ArithmeticOf(level simd.Level, p kernel.Precision) Arithmetic {
	switch {
	case p == kernel.Highest || simd.BF16For(level) == nil:
		return Float32
	case p == kernel.High && hasAMX():
		return SplitBFloat16Tiles
	case p == kernel.Medium && hasAMX():
		return BFloat16Tiles
	case p == kernel.Medium:
		return BFloat16
	}
	return Float32
}
