package tensor_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/gradcheck"
	. "github.com/bestiary-ml/bestiary/tensor"
)

// TestGraphs has tensors that are used more than once.
func TestGraphs(t *testing.T) {
	d := gradcheck.Device(t)
	r := rand.New(rand.NewPCG(3, 4))
	x, y, w := gradcheck.Normal(d, r, 3, 4), gradcheck.Normal(d, r, 3, 4), gradcheck.Normal(d, r, 4, 4)
	graphs := map[string]func() *Tensor{
		"x+x":        func() *Tensor { return x.Add(x) },
		"x-x":        func() *Tensor { return x.Scale(3).Sub(x) },
		"x·x":        func() *Tensor { return x.Mul(x) },
		"x/x":        func() *Tensor { return x.Square().Div(x.Exp()).Div(x.Exp()) },
		"xᵀx":        func() *Tensor { return x.TMatMul(x) },
		"xxᵀ":        func() *Tensor { return x.MatMulT(x) },
		"residual":   func() *Tensor { h := x.Linear(w, nil, Tanh); return h.Add(h.Linear(w, nil, Sigmoid)) },
		"diamond":    func() *Tensor { h := x.Mul(y); return h.Exp().Mul(h.Tanh()).Add(h) },
		"views":      func() *Tensor { h := x.Square(); return h.Reshape(12).Add(h.Reshape(12).Tanh()) },
		"concat":     func() *Tensor { h := x.Tanh(); return Concat(1, h, y, h) },
		"leaf twice": func() *Tensor { return x.Reshape(12).Mul(x.Reshape(12)) },
		"broadcast":  func() *Tensor { s := x.Sum(0); return x.Sub(s).Mul(x.Mean(1).Reshape(3, 1)) },
		"chain": func() *Tensor {
			h := x
			for range 20 {
				h = h.Tanh().Add(h)
			}
			return h
		},
	}
	for name, f := range graphs {
		t.Run(name, func(t *testing.T) {
			inputs := []*Tensor{x}
			switch name {
			case "residual":
				inputs = append(inputs, w)
			case "diamond", "concat":
				inputs = append(inputs, y)
			}
			gradcheck.Check(t, f, inputs...)
			for _, p := range []*Tensor{x, y, w} {
				p.ZeroGrad()
			}
		})
	}
}

// TestAccumulation checks that gradients of several Backward calls, in one step and in two, add up.
func TestAccumulation(t *testing.T) {
	d := gradcheck.Device(t)
	x := gradcheck.Normal(d, rand.New(rand.NewPCG(5, 6)), 7)
	var once []float64
	for times := 1; times <= 4; times++ {
		s := d.Record()
		h := x.Tanh()
		first, second := h.Square().Sum(), h.Exp().Sum()
		first.Backward()
		second.Backward() // walks what h came from a second time
		s.End()
		g := gradcheck.Exact(x.Grad())
		if times == 1 {
			once = slices.Clone(g)
			for i, v := range gradcheck.Exact(x) {
				y := math.Tanh(v)
				if want := (2*y + math.Exp(y)) * (1 - y*y); math.Abs(g[i]-want) > 1e-12 {
					t.Fatalf("gradient %d is %g, want %g", i, g[i], want)
				}
			}
		}
		for i := range g {
			if math.Abs(g[i]-float64(times)*once[i]) > 1e-12 {
				t.Fatalf("after %d steps gradient %d is %g, want %d times %g", times, i, g[i], times, once[i])
			}
		}
	}
	x.ZeroGrad()
	if x.Grad() != nil {
		t.Error("a gradient is left after ZeroGrad")
	}
}

// TestOneGradient computes gradients in one operand while the other requires none.
func TestOneGradient(t *testing.T) {
	d := gradcheck.Device(t)
	r := rand.New(rand.NewPCG(7, 8))
	operations := map[string]func(a, b *Tensor) *Tensor{
		"add":    (*Tensor).Add,
		"sub":    (*Tensor).Sub,
		"mul":    (*Tensor).Mul,
		"div":    func(a, b *Tensor) *Tensor { return a.Div(b.Square().AddScalar(1)) },
		"matmul": (*Tensor).MatMul,
		"linear": func(a, b *Tensor) *Tensor { return a.Linear(b, nil, Tanh) },
		"mse":    (*Tensor).MSELoss,
		"l1":     func(a, b *Tensor) *Tensor { return a.SmoothL1Loss(b, 1) },
		"concat": func(a, b *Tensor) *Tensor { return Concat(0, a, b) },
		"layer":  func(a, b *Tensor) *Tensor { return a.LayerNorm(b.Sum(0), nil, 1e-5) },
		"batch": func(a, b *Tensor) *Tensor {
			y, _, _ := a.BatchNorm(nil, b.Sum(0), BatchNormOptions{Eps: 1e-5})
			return y
		},
		"conv": func(a, b *Tensor) *Tensor {
			return a.Reshape(1, 3, 3, 1).Conv2d(b.Reshape(3, 3, 1, 1), nil, StridePad(1, 1))
		},
		"convinv": func(a, b *Tensor) *Tensor {
			return a.Reshape(1, 3, 3, 1).ConvTranspose2d(b.Reshape(3, 3, 1, 1), nil, StridePad(1, 1))
		},
	}
	for name, f := range operations {
		t.Run(name, func(t *testing.T) {
			for which := range 2 {
				pair := []*Tensor{gradcheck.Normal(d, r, 3, 3), gradcheck.Normal(d, r, 3, 3)}
				pair[1-which].SetRequiresGrad(false)
				gradcheck.Check(t, func() *Tensor { return f(pair[0], pair[1]) }, pair[which])
				if pair[1-which].Grad() != nil {
					t.Error("a gradient that nothing requires")
				}
			}
		})
	}
}
