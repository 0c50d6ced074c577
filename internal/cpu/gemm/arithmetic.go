package gemm

import (
	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// Arithmetic is what products, convolutions and the products of attention are computed in. Everything else is float32. In the bfloat16
// arithmetics, denormal float32 operands count as zero, split operands below 2⁻¹⁰⁹ lose their low part, and a sum that overflows
// float32 may give NaN instead of an infinity. Infinite and NaN operands give what they give in float32.
type Arithmetic int

const (
	Float32            Arithmetic = iota
	BFloat16                      // operands rounded to bfloat16, products summed in float32: by AVX512-BF16
	BFloat16Tiles                 // the same on AMX's tiles
	SplitBFloat16Tiles            // operands split into two bfloat16 numbers, three products of them: on AMX's tiles
	SplitBFloat16                 // the same by AVX512-BF16; only for tests, since it is slower than float32
)

// String is the name for reports.
func (a Arithmetic) String() string {
	return [...]string{
		"float32", "bfloat16 (AVX512-BF16)", "bfloat16 (AMX)", "three bfloat16 products (AMX)", "three bfloat16 products (AVX512-BF16)",
	}[a]
}

// Tiles reports whether AMX's tiles multiply.
func (a Arithmetic) Tiles() bool { return a == BFloat16Tiles || a == SplitBFloat16Tiles }

// Precision is the highest precision that the arithmetic satisfies.
func (a Arithmetic) Precision() kernel.Precision {
	return [...]kernel.Precision{kernel.Highest, kernel.Medium, kernel.Medium, kernel.High, kernel.High}[a]
}

// hasAMX and bf16Pays are variables because tests replace them.
var hasAMX, bf16Pays = simd.HasAMX, simd.BF16Pays

// ArithmeticOf returns the fastest arithmetic of this processor, with a kernel set, that satisfies a precision. Without AMX that
// is float32 for High: AVX512-BF16 computes at most two bfloat16 products in the time of a float32 product, and three are needed.
func ArithmeticOf(level simd.Level, p kernel.Precision) Arithmetic {
	switch {
	case p == kernel.Highest || simd.BF16For(level) == nil:
		return Float32
	case p == kernel.High && hasAMX():
		return SplitBFloat16Tiles
	case p == kernel.Medium && hasAMX():
		return BFloat16Tiles
	case p == kernel.Medium && bf16Pays():
		return BFloat16
	}
	return Float32
}
