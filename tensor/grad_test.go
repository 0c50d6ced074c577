package tensor

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// float64Device is the device on which gradients are checked.
func float64Device(t testing.TB) *Device {
	d, err := OpenDevice("cpu64", DeviceOptions{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// exact views the elements of a float64 tensor.
func exact(t *Tensor) []float64 { return kernel.Slice[float64](t.data) }

// normal64 makes a float64 tensor of standard normal numbers that requires a gradient.
func normal64(d *Device, r *rand.Rand, shape ...int) *Tensor {
	t := d.empty(shape...)
	for i, x := 0, exact(t); i < len(x); i++ {
		x[i] = r.NormFloat64()
	}
	return t.SetRequiresGrad(true)
}

// drawRand draws a source of numbers that rapid can repeat.
func drawRand(t *rapid.T) *rand.Rand { return rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0)) }

// checkGrad compares the gradients of Σ w·f(), for random w, in the inputs with central differences.
func checkGrad(t rapid.TB, f func() *Tensor, inputs ...*Tensor) {
	t.Helper()
	d := inputs[0].device
	warm := d.Record()
	z := f()
	z.BackwardFrom(d.Full(1, z.Shape()...))
	warm.End()
	poison(d)
	for _, x := range inputs {
		x.ZeroGrad()
		d.kernels.Fill(x.grad, math.NaN())
	}
	step := d.Record()
	y := f()
	upstream := normal64(d, rand.New(rand.NewPCG(1, 2)), y.Shape()...)
	weights := slices.Clone(exact(upstream))
	y.BackwardFrom(upstream)
	var grads [][]float64
	for i, x := range inputs {
		if x.Grad() == nil {
			t.Fatalf("input %d has no gradient", i)
		}
		grads = append(grads, slices.Clone(exact(x.Grad())))
		x.ZeroGrad()
	}
	step.End()

	loss := func() float64 {
		s := d.Scratch()
		defer s.End()
		sum := 0.0
		for i, v := range exact(f()) {
			sum += weights[i] * v
		}
		return sum
	}
	for i, x := range inputs {
		scale := 1.0
		for _, g := range grads[i] {
			scale = max(scale, math.Abs(g))
		}
		for j, g := range grads[i] {
			numeric := func(h float64) float64 {
				at := &exact(x)[j]
				v := *at
				*at = v + h
				up := loss()
				*at = v - h
				down := loss()
				*at = v
				return (up - down) / (2 * h)
			}
			n := numeric(1e-6)
			if !(math.Abs(g-n) <= 1e-6*scale) {
				n = numeric(1e-8) // a kink may have been within the longer step
			}
			if !(math.Abs(g-n) <= 1e-5*scale) {
				t.Fatalf("gradient %d of input %d %v is %g, central differences say %g", j, i, x.Shape(), g, n)
			}
		}
	}
}

// poison fills the memory that is free for reuse, so that nobody gets away with taking it for zeros.
func poison(d *Device) {
	for _, list := range d.free {
		for _, b := range list {
			d.kernels.Fill(b, math.NaN())
		}
	}
}

// checkValues compares a float64 tensor with a shape and elements.
func checkValues(t rapid.TB, got *Tensor, shape []int, want []float64) {
	t.Helper()
	if !slices.Equal(got.Shape(), shape) {
		t.Fatalf("shape %v, want %v", got.Shape(), shape)
	}
	for i, v := range exact(got) {
		if !(math.Abs(v-want[i]) <= 1e-11*(1+math.Abs(want[i]))) {
			t.Fatalf("element %d is %g, want %g", i, v, want[i])
		}
	}
}

// TestGraphs has tensors that are used more than once.
func TestGraphs(t *testing.T) {
	d := float64Device(t)
	r := rand.New(rand.NewPCG(3, 4))
	x, y, w := normal64(d, r, 3, 4), normal64(d, r, 3, 4), normal64(d, r, 4, 4)
	graphs := map[string]func() *Tensor{
		"x+x":        func() *Tensor { return x.Add(x) },
		"x-x":        func() *Tensor { return x.Scale(3).Sub(x) },
		"x·x":        func() *Tensor { return x.Mul(x) },
		"x/x":        func() *Tensor { return x.Square().Div(x.Exp()).Div(x.Exp()) },
		"xᵀx":        func() *Tensor { return x.TMatMul(x) },
		"xxᵀ":        func() *Tensor { return x.MatMulT(x) },
		"residual":   func() *Tensor { h := x.Linear(w, nil, TanhAct); return h.Add(h.Linear(w, nil, SigmoidAct)) },
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
			checkGrad(t, f, inputs...)
			for _, p := range []*Tensor{x, y, w} {
				p.ZeroGrad()
			}
		})
	}
}

// TestAccumulation checks that gradients of several Backward calls, in one step and in two, add up.
func TestAccumulation(t *testing.T) {
	d := float64Device(t)
	x := normal64(d, rand.New(rand.NewPCG(5, 6)), 7)
	var once []float64
	for times := 1; times <= 4; times++ {
		s := d.Record()
		h := x.Tanh()
		first, second := h.Square().Sum(), h.Exp().Sum()
		first.Backward()
		second.Backward() // walks what h came from a second time
		s.End()
		g := exact(x.Grad())
		if times == 1 {
			once = slices.Clone(g)
			for i, v := range exact(x) {
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

// TestOnlyWhatIsWanted computes gradients in one operand while the other needs none, either way round.
func TestOnlyWhatIsWanted(t *testing.T) {
	d := float64Device(t)
	r := rand.New(rand.NewPCG(7, 8))
	operations := map[string]func(a, b *Tensor) *Tensor{
		"add":    (*Tensor).Add,
		"sub":    (*Tensor).Sub,
		"mul":    (*Tensor).Mul,
		"div":    func(a, b *Tensor) *Tensor { return a.Div(b.Square().AddScalar(1)) },
		"matmul": (*Tensor).MatMul,
		"linear": func(a, b *Tensor) *Tensor { return a.Linear(b, nil, TanhAct) },
		"mse":    (*Tensor).MSELoss,
		"l1":     func(a, b *Tensor) *Tensor { return a.SmoothL1Loss(b, 1) },
		"concat": func(a, b *Tensor) *Tensor { return Concat(0, a, b) },
		"couple": func(a, b *Tensor) *Tensor {
			y, _ := a.AffineCoupling(NewCouplingColumns(d, 3, []int{1}), Concat(1, b, b.Slice(1, 0, 1)), CouplingOptions{})
			return y
		},
		"layer": func(a, b *Tensor) *Tensor { return a.LayerNorm(b.Sum(0), nil, 1e-5) },
		"batch": func(a, b *Tensor) *Tensor {
			y, _, _ := a.BatchNorm(nil, b.Sum(0), BatchNormOptions{Eps: 1e-5})
			return y
		},
		"conv": func(a, b *Tensor) *Tensor {
			return a.Reshape(1, 3, 3, 1).Conv2d(b.Reshape(3, 3, 1, 1), nil, Square(1, 1))
		},
		"convinv": func(a, b *Tensor) *Tensor {
			return a.Reshape(1, 3, 3, 1).ConvTranspose2d(b.Reshape(3, 3, 1, 1), nil, Square(1, 1))
		},
	}
	for name, f := range operations {
		t.Run(name, func(t *testing.T) {
			for which := range 2 {
				pair := []*Tensor{normal64(d, r, 3, 3), normal64(d, r, 3, 3)}
				pair[1-which].SetRequiresGrad(false)
				checkGrad(t, func() *Tensor { return f(pair[0], pair[1]) }, pair[which])
				if pair[1-which].Grad() != nil {
					t.Error("a gradient that nobody asked for")
				}
			}
		})
	}
}
