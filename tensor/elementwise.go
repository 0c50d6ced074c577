package tensor

import (
	"fmt"
	"slices"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// unary applies op with its parameter a.
func (t *Tensor) unary(op kernel.Unary, a float64) *Tensor {
	y := t.device.empty(t.Shape()...)
	t.kernels().Unary(op, a, t.data, y.data)
	if t.device.recording(t) {
		t.device.record(func() {
			needsX, needsY := kernel.UnaryNeeds(op)
			var in, out kernel.Buffer
			if needsX {
				in = t.data
			}
			if needsY {
				out = y.data
			}
			t.moveGrad(y, func(g kernel.Buffer) { t.kernels().UnaryGrad(op, a, in, out, g, g) })
		}, y)
	}
	return y
}

// Scale returns a·t.
func (t *Tensor) Scale(a float64) *Tensor { return t.unary(kernel.Scale, a) }

// Neg returns −t.
func (t *Tensor) Neg() *Tensor { return t.Scale(-1) }

// AddScalar returns t + a.
func (t *Tensor) AddScalar(a float64) *Tensor { return t.unary(kernel.AddScalar, a) }

// Exp returns eᵗ, elementwise.
func (t *Tensor) Exp() *Tensor { return t.unary(kernel.Exp, 0) }

// Log returns the natural logarithm ln t.
func (t *Tensor) Log() *Tensor { return t.unary(kernel.Log, 0) }

// Sqrt returns √t.
func (t *Tensor) Sqrt() *Tensor { return t.unary(kernel.Sqrt, 0) }

// Square returns t².
func (t *Tensor) Square() *Tensor { return t.unary(kernel.Square, 0) }

// Reciprocal returns 1/t.
func (t *Tensor) Reciprocal() *Tensor { return t.unary(kernel.Reciprocal, 0) }

// Abs returns |t|.
func (t *Tensor) Abs() *Tensor { return t.unary(kernel.Abs, 0) }

// Tanh returns the hyperbolic tangent.
func (t *Tensor) Tanh() *Tensor { return t.unary(kernel.Tanh, 0) }

// Sigmoid returns 1/(1+e⁻ᵗ).
func (t *Tensor) Sigmoid() *Tensor { return t.unary(kernel.Sigmoid, 0) }

// ReLU returns max(t, 0).
func (t *Tensor) ReLU() *Tensor { return t.unary(kernel.ReLU, 0) }

// LeakyReLU returns t where it is positive, else slope·t; slope must not be negative.
func (t *Tensor) LeakyReLU(slope float64) *Tensor { return t.unary(kernel.LeakyReLU, slope) }

// GELU returns t·Φ(t) with the exact distribution function Φ of N(0, 1) (Hendrycks & Gimpel, 2016).
func (t *Tensor) GELU() *Tensor { return t.unary(kernel.GELU, 0) }

// SiLU returns t·sigmoid(t) (Elfwing et al., 2017).
func (t *Tensor) SiLU() *Tensor { return t.unary(kernel.SiLU, 0) }

// Softplus returns ln(1+eᵗ).
func (t *Tensor) Softplus() *Tensor { return t.unary(kernel.Softplus, 0) }

// LogSigmoid returns ln(1/(1+e⁻ᵗ)), which is −Softplus(−t).
func (t *Tensor) LogSigmoid() *Tensor { return t.Neg().Softplus().Neg() }

// ClampMin returns max(t, lowest).
func (t *Tensor) ClampMin(lowest float64) *Tensor { return t.unary(kernel.ClampMin, lowest) }

// ClampMax returns min(t, highest).
func (t *Tensor) ClampMax(highest float64) *Tensor { return t.unary(kernel.ClampMax, highest) }

// Clamp returns min(max(t, lowest), highest). Its gradient is 0 where t is outside.
func (t *Tensor) Clamp(lowest, highest float64) *Tensor { return t.ClampMin(lowest).ClampMax(highest) }

// binary applies op to a and b with broadcasting; back adds to the operands' gradients.
func binary(op kernel.Binary, a, b *Tensor, back func(y *Tensor, s kernel.Broadcast)) *Tensor {
	shape, s := broadcast(a.Shape(), b.Shape())
	y := a.device.empty(shape...)
	a.kernels().Binary(op, s, a.data, b.data, y.data)
	if a.device.recording(a, b) {
		a.device.record(func() { back(y, s) }, y)
	}
	return y
}

// Add returns t + u, with broadcasting.
func (t *Tensor) Add(u *Tensor) *Tensor {
	return binary(kernel.Add, t, u, func(y *Tensor, s kernel.Broadcast) {
		u.addGrad(func(dst kernel.Buffer) { t.device.sumTo(flipped(s), y.grad, dst) })
		addOrMove(t, y, s)
	})
}

// Sub returns t − u, with broadcasting.
func (t *Tensor) Sub(u *Tensor) *Tensor {
	return binary(kernel.Sub, t, u, func(y *Tensor, s kernel.Broadcast) {
		u.addGrad(func(dst kernel.Buffer) {
			t.device.sumTo(flipped(s), y.grad, dst)
			t.kernels().Unary(kernel.Scale, -1, dst, dst)
		})
		addOrMove(t, y, s)
	})
}

// addOrMove adds y's gradient to its first operand's, summed where that was broadcast.
func addOrMove(t, y *Tensor, s kernel.Broadcast) {
	if t.Len() == y.Len() {
		t.moveGrad(y, nil)
		return
	}
	t.addGrad(func(dst kernel.Buffer) { t.device.sumTo(s, y.grad, dst) })
}

// Mul returns the elementwise product t·u, with broadcasting.
func (t *Tensor) Mul(u *Tensor) *Tensor {
	return binary(kernel.Mul, t, u, func(y *Tensor, s kernel.Broadcast) {
		t.addProductGrad(kernel.Mul, s, y.grad, u.data)
		u.addProductGrad(kernel.Mul, flipped(s), y.grad, t.data)
	})
}

// AddProduct returns t + u·s in one pass, for t and u [..., C] of one shape and s [C], or [N, C] with a row for each entry of the
// first dimension of t.
func (t *Tensor) AddProduct(u, s *Tensor) *Tensor {
	if !slices.Equal(t.Shape(), u.Shape()) || !s.isRowOf(t) {
		panic(fmt.Sprintf("tensor: sum of %v and the product of %v and %v", t, u, s))
	}
	n := t.Dim(-1)
	y := t.device.empty(t.Shape()...)
	t.kernels().AddProduct(t.Len()/max(1, n), n, t.data, u.data, s.data, y.data)
	if t.device.recording(t, u, s) {
		t.device.record(func() {
			_, b := broadcast(u.Shape(), s.rowShape(t))
			u.addProductGrad(kernel.Mul, b, y.grad, s.data)
			s.addProductGrad(kernel.Mul, flipped(b), y.grad, u.data)
			t.moveGrad(y, nil)
		}, y)
	}
	return y
}

// isRowOf reports whether s is [C] for t [..., C], or [N, C] for t [N, ..., C].
func (s *Tensor) isRowOf(t *Tensor) bool {
	if t.rank == 0 || s.rank == 0 || s.Dim(-1) != t.Dim(-1) {
		return false
	}
	return s.rank == 1 || s.rank == 2 && t.rank > 1 && s.dims[0] == t.dims[0]
}

// rowShape is the shape in which s, for which isRowOf holds, broadcasts to t: [C] or [N, 1, ..., C].
func (s *Tensor) rowShape(t *Tensor) []int {
	if s.rank == 1 {
		return s.Shape()
	}
	shape := slices.Repeat([]int{1}, t.rank)
	shape[0], shape[t.rank-1] = s.dims[0], s.dims[1]
	return shape
}

// Div returns the elementwise quotient t/u, with broadcasting.
func (t *Tensor) Div(u *Tensor) *Tensor {
	return binary(kernel.Div, t, u, func(y *Tensor, s kernel.Broadcast) {
		t.addProductGrad(kernel.Div, s, y.grad, u.data)
		if u.requires { // −g·y/u
			d := t.device
			quotient := d.take(y.Len())
			whole := withWholeA(s)
			d.kernels.Binary(kernel.Div, whole, y.data, u.data, quotient)
			d.kernels.Unary(kernel.Scale, -1, quotient, quotient)
			u.addProductGrad(kernel.Mul, withWholeB(flipped(s)), y.grad, quotient)
			d.give(quotient)
		}
	})
}

// addProductGrad adds op(g, other), summed over the dimensions along which t was broadcast. s describes t and other.
func (t *Tensor) addProductGrad(op kernel.Binary, s kernel.Broadcast, g, other kernel.Buffer) {
	t.addGrad(func(dst kernel.Buffer) {
		if t.Len() == g.Len {
			t.kernels().Binary(op, withWholeA(s), g, other, dst)
			return
		}
		product := t.device.take(g.Len)
		t.kernels().Binary(op, withWholeA(s), g, other, product)
		t.device.sumTo(s, product, dst)
		t.device.give(product)
	})
}

// withWholeA replaces the first operand by one of the full shape.
func withWholeA(s kernel.Broadcast) kernel.Broadcast {
	step := 1
	for i := s.Rank - 1; i >= 0; i-- {
		s.StrideA[i] = step
		step *= s.Shape[i]
	}
	return s
}

// withWholeB replaces the second operand by one of the full shape.
func withWholeB(s kernel.Broadcast) kernel.Broadcast { return flipped(withWholeA(flipped(s))) }
