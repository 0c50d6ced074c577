package tensor_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"github.com/bestiary-ml/bestiary/internal/gradcheck"
	. "github.com/bestiary-ml/bestiary/tensor"
)

func TestUnary(t *testing.T) {
	sigmoid := func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
	cases := map[string]struct {
		op   func(*Tensor) *Tensor
		want func(x float64) float64
	}{
		"scale":     {func(x *Tensor) *Tensor { return x.Scale(-1.7) }, func(x float64) float64 { return -1.7 * x }},
		"neg":       {(*Tensor).Neg, func(x float64) float64 { return -x }},
		"addScalar": {func(x *Tensor) *Tensor { return x.AddScalar(0.3) }, func(x float64) float64 { return x + 0.3 }},
		"exp":       {(*Tensor).Exp, math.Exp},
		"log":       {func(x *Tensor) *Tensor { return x.Abs().Log() }, func(x float64) float64 { return math.Log(math.Abs(x)) }},
		"sqrt":      {func(x *Tensor) *Tensor { return x.Abs().Sqrt() }, func(x float64) float64 { return math.Sqrt(math.Abs(x)) }},
		"square":    {(*Tensor).Square, func(x float64) float64 { return x * x }},
		"recip":     {(*Tensor).Reciprocal, func(x float64) float64 { return 1 / x }},
		"abs":       {(*Tensor).Abs, math.Abs},
		"tanh":      {(*Tensor).Tanh, math.Tanh},
		"sigmoid":   {(*Tensor).Sigmoid, sigmoid},
		"relu":      {(*Tensor).ReLU, func(x float64) float64 { return max(x, 0) }},
		"leaky":     {func(x *Tensor) *Tensor { return x.LeakyReLU(0.2) }, func(x float64) float64 { return max(x, 0.2*x) }},
		"gelu":      {(*Tensor).GELU, func(x float64) float64 { return x / 2 * (1 + math.Erf(x/math.Sqrt2)) }},
		"silu":      {(*Tensor).SiLU, func(x float64) float64 { return x * sigmoid(x) }},
		"softplus":  {(*Tensor).Softplus, func(x float64) float64 { return math.Log(1 + math.Exp(x)) }},
		"logSigm":   {(*Tensor).LogSigmoid, func(x float64) float64 { return math.Log(sigmoid(x)) }},
		"clamp":     {func(x *Tensor) *Tensor { return x.Clamp(-0.5, 0.25) }, func(x float64) float64 { return min(max(x, -0.5), 0.25) }},
		"clampMin":  {func(x *Tensor) *Tensor { return x.ClampMin(-0.25) }, func(x float64) float64 { return max(x, -0.25) }},
		"clampMax":  {func(x *Tensor) *Tensor { return x.ClampMax(0.25) }, func(x float64) float64 { return min(x, 0.25) }},
	}
	d := gradcheck.Device(t)
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			x := gradcheck.Normal(d, rand.New(rand.NewPCG(1, 1)), 8, 8)
			var want []float64
			for i, v := range gradcheck.Exact(x) {
				v += math.Copysign(0.05, v) // away from poles, where differences say little
				gradcheck.Exact(x)[i] = v
				want = append(want, c.want(v))
			}
			gradcheck.Values(t, c.op(x), x.Shape(), want)
			gradcheck.Check(t, func() *Tensor { return c.op(x) }, x)
		})
	}
}

// drawOperand draws a shape that broadcasts to shape.
func drawOperand(t *rapid.T, shape []int, name string) []int {
	operand := append([]int{}, shape[rapid.IntRange(0, len(shape)).Draw(t, name+" drops"):]...)
	for i := range operand {
		if rapid.IntRange(0, 2).Draw(t, name+" is one") == 0 {
			operand[i] = 1
		}
	}
	return operand
}

// broadcastIndex is the element of an operand that element i of the result takes.
func broadcastIndex(i int, shape, operand []int) int {
	at, step := 0, 1
	for dim := len(shape) - 1; dim >= 0; dim-- {
		where := dim - len(shape) + len(operand)
		if where >= 0 {
			if operand[where] > 1 {
				at += i % shape[dim] * step
			}
			step *= operand[where]
		}
		i /= shape[dim]
	}
	return at
}

func TestBinary(t *testing.T) {
	cases := map[string]struct {
		op   func(a, b *Tensor) *Tensor
		want func(a, b float64) float64
	}{
		"add": {(*Tensor).Add, func(a, b float64) float64 { return a + b }},
		"sub": {(*Tensor).Sub, func(a, b float64) float64 { return a - b }},
		"mul": {(*Tensor).Mul, func(a, b float64) float64 { return a * b }},
		"div": {(*Tensor).Div, func(a, b float64) float64 { return a / b }},
	}
	d := gradcheck.Device(t)
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				common := rapid.SliceOfN(rapid.IntRange(1, 3), 0, 5).Draw(t, "shape")
				shapeA, shapeB := drawOperand(t, common, "a"), drawOperand(t, common, "b")
				r := gradcheck.Rand(t)
				a, b := gradcheck.Normal(d, r, shapeA...), gradcheck.Normal(d, r, shapeB...)
				for i, v := range gradcheck.Exact(b) {
					gradcheck.Exact(b)[i] = v + math.Copysign(0.3, v)
				}
				shape := make([]int, max(len(shapeA), len(shapeB)))
				for i := range shape {
					shape[i] = 1
					if at := i - len(shape) + len(shapeA); at >= 0 {
						shape[i] = shapeA[at]
					}
					if at := i - len(shape) + len(shapeB); at >= 0 {
						shape[i] = max(shape[i], shapeB[at])
					}
				}
				want := make([]float64, product(shape))
				for i := range want {
					want[i] = c.want(gradcheck.Exact(a)[broadcastIndex(i, shape, shapeA)], gradcheck.Exact(b)[broadcastIndex(i, shape, shapeB)])
				}
				gradcheck.Values(t, c.op(a, b), shape, want)
				gradcheck.Check(t, func() *Tensor { return c.op(a, b) }, a, b)
			})
		})
	}
}

func TestShapesThatDoNotBroadcast(t *testing.T) {
	d := gradcheck.Device(t)
	for _, pair := range [][2][]int{{{2, 3}, {2}}, {{2, 3}, {3, 3}}, {{4}, {2, 3}}} {
		gradcheck.Panics(t, func() { d.Zeros(pair[0]...).Add(d.Zeros(pair[1]...)) })
	}
}

func TestExpand(t *testing.T) {
	d := gradcheck.Device(t)
	rapid.Check(t, func(t *rapid.T) {
		shape := rapid.SliceOfN(rapid.IntRange(1, 3), 0, 5).Draw(t, "shape")
		from := append([]int{}, shape...)
		for i := range from {
			if rapid.Bool().Draw(t, "is one") {
				from[i] = 1
			}
		}
		x := gradcheck.Normal(d, gradcheck.Rand(t), from...)
		want := make([]float64, product(shape))
		for i := range want {
			want[i] = gradcheck.Exact(x)[broadcastIndex(i, shape, from)]
		}
		gradcheck.Values(t, x.Expand(shape...), shape, want)
		gradcheck.Check(t, func() *Tensor { return x.Expand(shape...) }, x)
	})
}

func TestAddProduct(t *testing.T) {
	d := gradcheck.Device(t)
	rapid.Check(t, func(t *rapid.T) {
		r := gradcheck.Rand(t)
		shape := rapid.SliceOfN(rapid.IntRange(1, 4), 1, 4).Draw(t, "shape")
		x, y := gradcheck.Normal(d, r, shape...), gradcheck.Normal(d, r, shape...)
		n, group := x.Dim(-1), x.Len()
		s := gradcheck.Normal(d, r, n)
		if len(shape) > 1 && rapid.Bool().Draw(t, "a row for each entry") {
			s, group = gradcheck.Normal(d, r, shape[0], n), x.Len()/shape[0]
		}
		if rapid.Bool().Draw(t, "one operand twice") {
			y = x
		}
		want := make([]float64, x.Len())
		for i := range want {
			want[i] = gradcheck.Exact(x)[i] + gradcheck.Exact(y)[i]*gradcheck.Exact(s)[i/group*n+i%n]
		}
		gradcheck.Values(t, x.AddProduct(y, s), shape, want)
		inputs := []*Tensor{x, s}
		if y != x {
			inputs = append(inputs, y)
		}
		gradcheck.Check(t, func() *Tensor { return x.AddProduct(y, s) }, inputs...)
	})
	x := d.Zeros(4, 2, 3)
	for _, s := range []*Tensor{d.Zeros(2), d.Zeros(2, 3), d.Zeros(4, 2), d.Zeros(4, 1, 3), d.Zeros()} {
		gradcheck.Panics(t, func() { x.AddProduct(x, s) })
	}
	gradcheck.Panics(t, func() { x.AddProduct(d.Zeros(8, 3), d.Zeros(3)) })
}
