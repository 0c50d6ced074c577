package trace

import (
	"math"
	"slices"

	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/internal/onnx"
)

// list is the buffers that a kernel reads or writes.
type list = []kernel.Buffer

// Fill implements kernel.Elementwise.
func (t *Tracer) Fill(y kernel.Buffer, x float64) {
	if t.real(nil, list{y}) {
		t.Device.Fill(y, x)
		return
	}
	t.write(y, filled(x, y.Len))
}

// Unary implements kernel.Elementwise.
func (t *Tracer) Unary(op kernel.Unary, a float64, x, y kernel.Buffer) {
	if t.real(list{x}, list{y}) {
		t.Device.Unary(op, a, x, y)
		return
	}
	t.write(y, t.unary(op, a, t.whole(x)))
}

func (t *Tracer) unary(op kernel.Unary, a float64, x *value) *value {
	switch op {
	case kernel.Scale:
		return t.float("Mul", x, scalar(a))
	case kernel.AddScalar:
		return t.float("Add", x, scalar(a))
	case kernel.Square:
		return t.float("Mul", x, x)
	case kernel.LeakyReLU:
		return t.node("LeakyRelu", onnx.Float, x.shape, []*value{x}, attribute("alpha", a))
	case kernel.GELU:
		return t.gelu(x)
	case kernel.SiLU:
		return t.float("Mul", x, t.float("Sigmoid", x))
	case kernel.ClampMin:
		return t.float("Max", x, scalar(a))
	case kernel.ClampMax:
		return t.float("Min", x, scalar(a))
	}
	names := map[kernel.Unary]string{
		kernel.Exp: "Exp", kernel.Log: "Log", kernel.Sqrt: "Sqrt", kernel.Reciprocal: "Reciprocal", kernel.Abs: "Abs",
		kernel.Tanh: "Tanh", kernel.Sigmoid: "Sigmoid", kernel.ReLU: "Relu", kernel.Softplus: "Softplus",
	}
	if names[op] == "" {
		fail("the elementwise function %d is not translated", op)
	}
	return t.float(names[op], x)
}

// gelu is x·Φ(x).
func (t *Tracer) gelu(x *value) *value {
	phi := t.float("Add", t.float("Erf", t.float("Mul", x, scalar(math.Sqrt2/2))), scalar(1))
	return t.float("Mul", t.float("Mul", x, phi), scalar(0.5))
}

// activation applies the function of a kernel's epilogue.
func (t *Tracer) activation(act kernel.Activation, slope float64, x *value) *value {
	switch act {
	case kernel.ActReLU:
		return t.unary(kernel.ReLU, 0, x)
	case kernel.ActLeakyReLU:
		return t.unary(kernel.LeakyReLU, slope, x)
	case kernel.ActTanh:
		return t.unary(kernel.Tanh, 0, x)
	case kernel.ActSigmoid:
		return t.unary(kernel.Sigmoid, 0, x)
	case kernel.ActGELU:
		return t.gelu(x)
	}
	return x
}

var binaries = map[kernel.Binary]string{
	kernel.Add: "Add", kernel.Sub: "Sub", kernel.Mul: "Mul", kernel.Div: "Div", kernel.Maximum: "Max", kernel.Minimum: "Min",
}

// Binary implements kernel.Elementwise.
func (t *Tracer) Binary(op kernel.Binary, s kernel.Broadcast, a, b, y kernel.Buffer) {
	if t.real(list{a, b}, list{y}) {
		t.Device.Binary(op, s, a, b, y)
		return
	}
	shape := slices.Clone(s.Shape[:s.Rank])
	left, right := newLayout(s.Rank, 0, s.Shape, s.StrideA), newLayout(s.Rank, 0, s.Shape, s.StrideB)
	u, v, natural := t.natural(a, left, b, right)
	if natural == nil {
		v, u, natural = t.natural(b, right, a, left)
	}
	if natural == nil {
		u, v, natural = t.view(a, left), t.view(b, right), shape
	}
	t.write(y, t.node(binaries[op], onnx.Float, natural, []*value{u, v}))
}

// natural returns a, all of which is used, in the shape that it has anyway, and b, that is as long or repeated for rows of a, in a
// shape that goes with it; nil if there is no such shape. It saves reshaping.
func (t *Tracer) natural(a kernel.Buffer, left layout, b kernel.Buffer, right layout) (u, v *value, shape []int) {
	if !contiguous(left.shape, left.strides) {
		return nil, nil, nil
	}
	split := 0 // dimensions along which b is repeated
	for split < len(right.shape) && right.strides[split] == 0 {
		split++
	}
	if !contiguous(right.shape[split:], right.strides[split:]) {
		return nil, nil, nil
	}
	u = t.whole(a)
	if u.fill {
		return nil, nil, nil
	}
	row := product(right.shape[split:])
	for i := range len(u.shape) + 1 {
		if product(u.shape[i:]) == row && (split > 0 || i == 0) {
			if len(u.shape) > i || row == 1 {
				return u, t.reshape(t.whole(b), u.shape[i:]), u.shape
			}
		}
	}
	return nil, nil, nil
}

// AddScaled implements kernel.Elementwise.
func (t *Tracer) AddScaled(a float64, x, y kernel.Buffer) {
	if t.real(list{x, y}, list{y}) {
		t.Device.AddScaled(a, x, y)
		return
	}
	v := t.whole(y)
	t.write(y, t.float("Add", v, t.reshape(t.unary(kernel.Scale, a, t.whole(x)), v.shape)))
}

// AddProduct implements kernel.Elementwise.
func (t *Tracer) AddProduct(rows, n int, x, y, s, out kernel.Buffer) {
	if t.real(list{x, y, s}, list{out}) {
		t.Device.AddProduct(rows, n, x, y, s, out)
		return
	}
	if s.Len > n {
		product := t.float("Mul", t.grouped(y, s.Len/n, n), t.groups(s, n))
		t.write(out, t.float("Add", t.grouped(x, s.Len/n, n), product))
		return
	}
	product := t.float("Mul", t.shaped(y, rows, n), t.shaped(s, n))
	t.write(out, t.float("Add", t.shaped(x, rows, n), product))
}

// grouped returns rows of n numbers as [groups, rows/groups, n].
func (t *Tracer) grouped(x kernel.Buffer, groups, n int) *value {
	return t.shaped(x, groups, x.Len/groups/n, n)
}

// groups returns the rows of s, one for each group, in a shape that goes with grouped.
func (t *Tracer) groups(s kernel.Buffer, n int) *value { return t.shaped(s, s.Len/n, 1, n) }
