package flows

import (
	"fmt"
	"math"

	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// LU is an invertible linear map of the columns with the matrix in triangular factors (Kingma & Dhariwal, "Glow", 2018, section
// 3.2; nflows' LULinear):
//
//	z = L·U·x + b    log|det| = Σ log uᵢᵢ
//
// L has ones on its diagonal, and U has softplus(d) + 10⁻³ there, so the map is always invertible. Inverse inverts the matrix in
// float64.
type LU struct {
	directions
	Lower, Upper *tensor.Tensor // entries below and above the diagonal, row by row, [D(D−1)/2]
	Diagonal     *tensor.Tensor // d [D]
	Bias         *tensor.Tensor // [D]

	lower, upper *tensor.Tensor // indices [D·D] of the entries of L and U
}

// smallestDiagonal is the least entry on the diagonal of a triangular factor.
const smallestDiagonal = 1e-3

// NewLU returns the identity map of dim columns, disturbed a little by numbers from g.
func NewLU(d *tensor.Device, dim int, g *tensor.Generator) *LU {
	entries := dim * (dim - 1) / 2
	bound := 1 / math.Sqrt(float64(dim))
	l := &LU{
		Lower: nn.Uniform(d, g, bound*0.1, entries), Upper: nn.Uniform(d, g, bound*0.1, entries),
		Diagonal: nn.Constant(d, math.Log(math.Expm1(1-smallestDiagonal)), dim), Bias: nn.Constant(d, 0, dim),
	}
	// The factors are gathered from [entries, diagonal, 0].
	lower, upper := make([]int32, dim*dim), make([]int32, dim*dim)
	below, above := 0, 0
	for i := range dim {
		for j := range dim {
			zero := int32(entries + dim)
			lower[i*dim+j], upper[i*dim+j] = zero, zero
			switch {
			case j < i:
				lower[i*dim+j] = int32(below)
				below++
			case j > i:
				upper[i*dim+j] = int32(above)
				above++
			default:
				lower[i*dim+j], upper[i*dim+j] = int32(entries+i), int32(entries+i)
			}
		}
	}
	l.lower, l.upper = d.Ints(lower).Keep(), d.Ints(upper).Keep()
	l.directions = directions{l}
	return l
}

// matrix returns L·U, [D, D], and the diagonal of U, [D].
func (l *LU) matrix() (w, diagonal *tensor.Tensor) {
	d, dim := l.Bias.Device(), l.Bias.Len()
	diagonal = l.Diagonal.Softplus().AddScalar(smallestDiagonal)
	lower := tensor.Concat(0, l.Lower, d.Full(1, dim), d.Zeros(1)).Gather(0, l.lower).Reshape(dim, dim)
	upper := tensor.Concat(0, l.Upper, diagonal, d.Zeros(1)).Gather(0, l.upper).Reshape(dim, dim)
	return lower.MatMul(upper), diagonal
}

// accumulate implements accumulator.
func (l *LU) accumulate(x, _ *tensor.Tensor, sum logDets, inverse bool) (*tensor.Tensor, logDets) {
	w, diagonal := l.matrix()
	logDet := diagonal.Log().Sum()
	if inverse {
		sum.shared = plus(sum.shared, logDet.Neg())
		return x.Sub(l.Bias).MatMulT(inverseMatrix(w)), sum
	}
	sum.shared = plus(sum.shared, logDet)
	return x.MatMulT(w).Add(l.Bias), sum
}

// Visit implements [nn.Module], with the names of nflows.
func (l *LU) Visit(path string, f func(nn.Param)) {
	trainable(f, l, path, "lower_entries", l.Lower)
	trainable(f, l, path, "upper_entries", l.Upper)
	trainable(f, l, path, "unconstrained_upper_diag", l.Diagonal)
	trainable(f, l, path, "bias", l.Bias)
}

// trainable visits a parameter.
func trainable(f func(nn.Param), layer fmt.Stringer, path, name string, t *tensor.Tensor) {
	if t.Len() > 0 {
		f(nn.Param{Path: nn.Join(path, name), Tensor: t, Trainable: true, Layer: layer})
	}
}

// SetTraining implements [nn.Module].
func (l *LU) SetTraining(bool) {}

// String implements [fmt.Stringer].
func (l *LU) String() string { return fmt.Sprintf("LU(%d columns)", l.Bias.Len()) }
