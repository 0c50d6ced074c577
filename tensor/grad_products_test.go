package tensor_test

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/bestiary-ml/bestiary/internal/gradcheck"
	. "github.com/bestiary-ml/bestiary/tensor"
)

var activations = map[string]Activation{
	"identity": Identity, "relu": ReLU, "leaky": LeakyReLU(0.2), "tanh": Tanh, "sigmoid": Sigmoid,
}

func drawActivation(t *rapid.T) Activation {
	return activations[rapid.SampledFrom([]string{"identity", "relu", "leaky", "tanh", "sigmoid"}).Draw(t, "act")]
}

func activated(a Activation, x float64) float64 {
	switch a {
	case ReLU:
		return max(x, 0)
	case LeakyReLU(0.2):
		return max(x, 0.2*x)
	case Tanh:
		return math.Tanh(x)
	case Sigmoid:
		return 1 / (1 + math.Exp(-x))
	}
	return x
}

// product returns the number of elements of a shape.
func product(shape []int) int {
	n := 1
	for _, size := range shape {
		n *= size
	}
	return n
}

func TestMatMul(t *testing.T) {
	d := gradcheck.Device(t)
	products := map[string]struct {
		op             func(a, b *Tensor) *Tensor
		transA, transB bool
	}{
		"a·b":  {(*Tensor).MatMul, false, false},
		"a·bᵀ": {(*Tensor).MatMulT, false, true},
		"aᵀ·b": {(*Tensor).TMatMul, true, false},
	}
	for name, p := range products {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				size := rapid.IntRange(1, 4)
				m, n, k := size.Draw(t, "m"), size.Draw(t, "n"), size.Draw(t, "k")
				batch := rapid.SliceOfN(rapid.IntRange(1, 3), 0, 2).Draw(t, "batch")
				oneB := !p.transA && rapid.Bool().Draw(t, "one b")
				shapeA, shapeB := []int{m, k}, []int{k, n}
				if p.transA {
					shapeA = []int{k, m}
				}
				if p.transB {
					shapeB = []int{n, k}
				}
				shapeA = append(append([]int{}, batch...), shapeA...)
				if !oneB {
					shapeB = append(append([]int{}, batch...), shapeB...)
				}
				r := gradcheck.Rand(t)
				a, b := gradcheck.Normal(d, r, shapeA...), gradcheck.Normal(d, r, shapeB...)
				shape := append(append([]int{}, batch...), m, n)
				want := make([]float64, product(shape))
				for i := range want {
					item, row, col := i/n/m, i/n%m, i%n
					from := item
					if oneB {
						from = 0
					}
					for j := range k {
						atA, atB := item*m*k+row*k+j, from*k*n+j*n+col
						if p.transA {
							atA = item*m*k + j*m + row
						}
						if p.transB {
							atB = from*k*n + col*k + j
						}
						want[i] += gradcheck.Exact(a)[atA] * gradcheck.Exact(b)[atB]
					}
				}
				gradcheck.Values(t, p.op(a, b), shape, want)
				gradcheck.Check(t, func() *Tensor { return p.op(a, b) }, a, b)
			})
		})
	}
	for _, pair := range [][2][]int{{{2, 3}, {2, 3}}, {{2, 3, 4, 5}, {3, 2, 5, 6}}, {{3}, {3, 4}}, {{2, 3}, {5, 3, 2}}} {
		gradcheck.Panics(t, func() { d.Zeros(pair[0]...).MatMul(d.Zeros(pair[1]...)) })
	}
	gradcheck.Panics(t, func() { d.Zeros(2, 3, 4).TMatMul(d.Zeros(3, 5)) })
}

func TestLinear(t *testing.T) {
	d := gradcheck.Device(t)
	for name, act := range activations {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				shape := rapid.SliceOfN(rapid.IntRange(1, 4), 1, 4).Draw(t, "shape")
				in, out := shape[len(shape)-1], rapid.IntRange(1, 5).Draw(t, "out")
				r := gradcheck.Rand(t)
				x, w, bias := gradcheck.Normal(d, r, shape...), gradcheck.Normal(d, r, in, out), gradcheck.Normal(d, r, out)
				inputs := []*Tensor{x, w, bias}
				if rapid.Bool().Draw(t, "no bias") {
					inputs, bias = inputs[:2], nil
				}
				shape[len(shape)-1] = out
				want := make([]float64, product(shape))
				for i := range want {
					if bias != nil {
						want[i] = gradcheck.Exact(bias)[i%out]
					}
					for j := range in {
						want[i] += gradcheck.Exact(x)[i/out*in+j] * gradcheck.Exact(w)[j*out+i%out]
					}
					want[i] = activated(act, want[i])
				}
				gradcheck.Values(t, x.Linear(w, bias, act), shape, want)
				gradcheck.Check(t, func() *Tensor { return x.Linear(w, bias, act) }, inputs...)
			})
		})
	}
	gradcheck.Panics(t, func() { d.Zeros(2, 3).Linear(d.Zeros(4, 5), nil, Identity) })
	gradcheck.Panics(t, func() { d.Zeros(2, 3).Linear(d.Zeros(3, 5), d.Zeros(4), Identity) })
}

func TestLinearGELU(t *testing.T) {
	d := gradcheck.Device(t)
	rapid.Check(t, func(t *rapid.T) {
		shape := rapid.SliceOfN(rapid.IntRange(1, 4), 1, 4).Draw(t, "shape")
		in, out := shape[len(shape)-1], rapid.IntRange(1, 5).Draw(t, "out")
		r := gradcheck.Rand(t)
		x, w, bias := gradcheck.Normal(d, r, shape...), gradcheck.Normal(d, r, in, out), gradcheck.Normal(d, r, out)
		inputs := []*Tensor{x, w, bias}
		if rapid.Bool().Draw(t, "no bias") {
			inputs, bias = inputs[:2], nil
		}
		before := x.Linear(w, bias, Identity)
		want := make([]float64, before.Len())
		for i, v := range gradcheck.Exact(before) {
			want[i] = v * math.Erfc(-v/math.Sqrt2) / 2
		}
		gradcheck.Values(t, x.LinearGELU(w, bias), before.Shape(), want)
		gradcheck.Check(t, func() *Tensor { return x.LinearGELU(w, bias) }, inputs...)
	})
	gradcheck.Panics(t, func() { d.Zeros(2, 3).LinearGELU(d.Zeros(4, 5), nil) })
	gradcheck.Panics(t, func() { d.Zeros(2, 3).LinearGELU(d.Zeros(3, 5), d.Zeros(4)) })
}
