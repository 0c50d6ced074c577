// Package gradcheck checks operations and their gradients in tests: values in float64, gradients against central differences.
package gradcheck

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Device opens a float64 device, on which gradients are checked.
func Device(t testing.TB) *tensor.Device {
	t.Helper()
	d, err := tensor.OpenDevice("cpu64", tensor.DeviceOptions{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Exact views the elements of a float64 tensor, which may be set.
func Exact(t *tensor.Tensor) []float64 { return kernel.Slice[float64](engine.Data(t)) }

// Normal makes a float64 tensor of standard normal numbers that requires a gradient.
func Normal(d *tensor.Device, r *rand.Rand, shape ...int) *tensor.Tensor {
	t := engine.Empty(d, shape...)
	for i, x := 0, Exact(t); i < len(x); i++ {
		x[i] = r.NormFloat64()
	}
	return t.SetRequiresGrad(true)
}

// Rand draws a source of numbers that rapid can repeat.
func Rand(t *rapid.T) *rand.Rand { return rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0)) }

// Check compares the gradients of Σ w·f(), for random w, in the inputs with central differences.
func Check(t rapid.TB, f func() *tensor.Tensor, inputs ...*tensor.Tensor) {
	t.Helper()
	weights, grads := gradients(t, f, inputs)
	d := inputs[0].Device()
	loss := func() float64 {
		s := d.Scratch()
		defer s.End()
		sum := 0.0
		for i, v := range Exact(f()) {
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
				at := &Exact(x)[j]
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
				t.Fatalf("gradient %d of input %d %v is %g, by central differences %g", j, i, x.Shape(), g, n)
			}
		}
	}
}

// gradients returns random weights of the elements of f(), and the gradients of their weighted sum in the inputs. It first fills
// free memory with NaN, so that an operation fails if it relies on memory being zero.
func gradients(t rapid.TB, f func() *tensor.Tensor, inputs []*tensor.Tensor) (weights []float64, grads [][]float64) {
	t.Helper()
	d := inputs[0].Device()
	warm := d.Record()
	z := f()
	z.BackwardFrom(d.Full(1, z.Shape()...))
	warm.End()
	for _, b := range engine.Idle(d) {
		engine.Kernels(d).Fill(b, math.NaN())
	}
	for _, x := range inputs {
		x.ZeroGrad()
		engine.Kernels(d).Fill(engine.Grad(x), math.NaN())
	}
	step := d.Record()
	defer step.End()
	y := f()
	upstream := Normal(d, rand.New(rand.NewPCG(1, 2)), y.Shape()...)
	weights = slices.Clone(Exact(upstream))
	y.BackwardFrom(upstream)
	for i, x := range inputs {
		if x.Grad() == nil {
			t.Fatalf("input %d has no gradient", i)
		}
		grads = append(grads, slices.Clone(Exact(x.Grad())))
		x.ZeroGrad()
	}
	return weights, grads
}

// Values compares a float64 tensor with a shape and elements.
func Values(t rapid.TB, got *tensor.Tensor, shape []int, want []float64) {
	t.Helper()
	if !slices.Equal(got.Shape(), shape) {
		t.Fatalf("shape %v, want %v", got.Shape(), shape)
	}
	for i, v := range Exact(got) {
		if !(math.Abs(v-want[i]) <= 1e-11*(1+math.Abs(want[i]))) {
			t.Fatalf("element %d is %g, want %g", i, v, want[i])
		}
	}
}

// Moments returns the mean of every stride-th number and the sum of squared deviations from it.
func Moments(x []float64, from, stride int) (mean, squares float64) {
	n := 0.0
	for at := from; at < len(x); at += stride {
		mean += x[at]
		n++
	}
	mean /= n
	for at := from; at < len(x); at += stride {
		squares += (x[at] - mean) * (x[at] - mean)
	}
	return mean, squares
}

// Panics fails unless f panics.
func Panics(t rapid.TB, f func()) {
	t.Helper()
	defer func() {
		t.Helper()
		if recover() == nil {
			t.Fatalf("no panic")
		}
	}()
	f()
}
