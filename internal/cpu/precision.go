package cpu

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
)

// Precision is how exact the products of float32 matrices and convolutions must be, as PyTorch's
// torch.set_float32_matmul_precision has it. Everything else, attention included, is float32 throughout.
type Precision int

const (
	Highest Precision = iota // float32
	High                     // at least that of three products of operands split into two bfloat16 numbers: about 2⁻¹⁶
	Medium                   // that of operands rounded to bfloat16 and summed in float32: about 2⁻⁹, of Winograd's 2⁻⁸
)

// Precisions are all there are.
var Precisions = []Precision{Highest, High, Medium}

func (p Precision) String() string { return [...]string{"highest", "high", "medium"}[p] }

// ParsePrecision reads a precision's name; "" is the highest.
func ParsePrecision(name string) (Precision, error) {
	if name == "" {
		return Highest, nil
	}
	for _, p := range Precisions {
		if p.String() == name {
			return p, nil
		}
	}
	return 0, fmt.Errorf("precision %q is not known; use highest, high or medium", name)
}

// Arithmetic is what products are computed in.
type Arithmetic int

const (
	Float32  Arithmetic = iota
	BFloat16            // operands rounded to bfloat16, products summed in float32
)

// ArithmeticOf tells what products are computed in with a kernel set at a precision: in what is fastest on this processor
// among all that is exact enough. High is never less exact than that: AVX512-BF16 does two bfloat16 products in the time
// of a float32 one, so the three that it takes would be slower.
func ArithmeticOf(level simd.Level, p Precision) Arithmetic {
	if p == Medium && simd.BF16For(level) != nil {
		return BFloat16
	}
	return Float32
}
