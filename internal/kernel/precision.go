package kernel

import "fmt"

// Precision is how exact the products of float32 matrices and convolutions must be, as PyTorch's
// torch.set_float32_matmul_precision has it. What is stored is float32 at any of them. A device says what it computes in.
type Precision int

const (
	Highest Precision = iota // float32
	High                     // on a GPU TF32, ten bits after the point; elsewhere at least three products of operands in two parts, about 2⁻¹⁶
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
