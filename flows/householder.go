package flows

import (
	"fmt"
	"math"
	"slices"

	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Householder is a rotation of the columns by K reflections (Tomczak & Welling, 2016, "Improving Variational Auto-Encoders
// using Householder Flow"):
//
//	z = H_K … H_1·x    H_k = I − 2·v_k·v_kᵀ/‖v_k‖²    log|det| = 0
type Householder struct {
	directions
	Vectors *tensor.Tensor // v [K, D]
}

// NewHouseholder returns k reflections of dim columns, whose vectors are drawn from g. It panics if k is less than 1.
func NewHouseholder(d *tensor.Device, dim, k int, g *tensor.Generator) *Householder {
	if k < 1 {
		panic("flows: a Householder map has one reflection or more")
	}
	h := &Householder{Vectors: g.Normal(d, k, dim).Scale(1 / math.Sqrt(float64(dim))).Keep()}
	h.Vectors.SetRequiresGrad(true)
	h.directions = directions{h}
	return h
}

// reflect applies the reflections, in reverse order for the inverse. Each is its own inverse.
func (h *Householder) reflect(x *tensor.Tensor, inverse bool) *tensor.Tensor {
	k, dim := h.Vectors.Dim(0), h.Vectors.Dim(1)
	order := make([]int, k)
	for i := range order {
		order[i] = i
	}
	if inverse {
		slices.Reverse(order)
	}
	for _, i := range order {
		v := h.Vectors.Slice(0, i, i+1)                                                          // [1, D]
		along := x.MatMul(v.Reshape(dim, 1))                                                     // [N, 1]
		x = x.Sub(along.MatMul(v.Div(v.Square().Sum().AddScalar(1e-30).Reshape(1, 1)).Scale(2))) // [N, D]
	}
	return x
}

// accumulate implements accumulator.
func (h *Householder) accumulate(x, _ *tensor.Tensor, l logDets, inverse bool) (*tensor.Tensor, logDets) {
	return h.reflect(x, inverse), l
}

// Visit implements [nn.Module], with the name of nflows.
func (h *Householder) Visit(path string, f func(nn.Param)) {
	trainable(f, h, path, "q_vectors", h.Vectors)
}

// SetTraining implements [nn.Module].
func (h *Householder) SetTraining(bool) {}

// String implements [fmt.Stringer].
func (h *Householder) String() string {
	return fmt.Sprintf("Householder(%d columns, %d reflections)", h.Vectors.Dim(1), h.Vectors.Dim(0))
}

// QR is an invertible linear map with the matrix Q·R: R is upper triangular with a positive diagonal, Q is a rotation by
// reflections (Hoogeboom et al., 2019, "Emerging Convolutions", section 4.2; nflows' QRLinear):
//
//	z = Q·R·x + b    log|det| = Σ log rᵢᵢ
type QR struct {
	directions
	Upper       *tensor.Tensor // entries above the diagonal of R, row by row, [D(D−1)/2]
	LogDiagonal *tensor.Tensor // [D]
	Bias        *tensor.Tensor // [D]
	Rotation    *Householder

	upper *tensor.Tensor // indices [D·D] of the entries of R
}

// NewQR returns a map of dim columns with the given number of reflections; numbers are drawn from g.
func NewQR(d *tensor.Device, dim, reflections int, g *tensor.Generator) *QR {
	like := NewLU(d, dim, g)
	q := &QR{
		Upper: like.Upper, LogDiagonal: nn.Constant(d, 0, dim), Bias: like.Bias,
		Rotation: NewHouseholder(d, dim, reflections, g), upper: like.upper,
	}
	q.directions = directions{q}
	return q
}

// accumulate implements accumulator.
func (q *QR) accumulate(x, _ *tensor.Tensor, l logDets, inverse bool) (*tensor.Tensor, logDets) {
	d, dim := q.Bias.Device(), q.Bias.Len()
	r := tensor.Concat(0, q.Upper, q.LogDiagonal.Exp(), d.Zeros(1)).Gather(0, q.upper).Reshape(dim, dim)
	if inverse {
		l.shared = plus(l.shared, q.LogDiagonal.Sum().Neg())
		return q.Rotation.reflect(x.Sub(q.Bias), true).MatMulT(inverseMatrix(r)), l
	}
	l.shared = plus(l.shared, q.LogDiagonal.Sum())
	return q.Rotation.reflect(x.MatMulT(r), false).Add(q.Bias), l
}

// Visit implements [nn.Module], with the names of nflows.
func (q *QR) Visit(path string, f func(nn.Param)) {
	trainable(f, q, path, "upper_entries", q.Upper)
	trainable(f, q, path, "log_upper_diag", q.LogDiagonal)
	trainable(f, q, path, "bias", q.Bias)
	q.Rotation.Visit(nn.Join(path, "orthogonal"), f)
}

// SetTraining implements [nn.Module].
func (q *QR) SetTraining(bool) {}

// String implements [fmt.Stringer].
func (q *QR) String() string {
	return fmt.Sprintf("QR(%d columns, %d reflections)", q.Bias.Len(), q.Rotation.Vectors.Dim(0))
}
