package kernel

import "fmt"

// Precision is the precision of products, convolutions and attention of float32 tensors, as in PyTorch's
// torch.set_float32_matmul_precision. Tensors are float32 in all cases.
type Precision int

const (
	Highest Precision = iota // float32
	High                     // TF32 (10 bits of mantissa) on a GPU; three products of operands split into two bfloat16 numbers (error about 2⁻¹⁶) on the processor
	Medium                   // operands rounded to bfloat16, sums in float32: error about 2⁻⁹, and 2⁻⁸ by Winograd's algorithm
)

// Precisions lists all precisions.
var Precisions = []Precision{Highest, High, Medium}

// String is the name.
func (p Precision) String() string { return [...]string{"highest", "high", "medium"}[p] }

// ParsePrecision returns the precision with a name; "" is the highest.
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
