package train

import (
	"fmt"
	"math"
	"path/filepath"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

func open(t testing.TB, kernels string) *tensor.Device {
	t.Helper()
	d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{Threads: 1, Kernels: kernels})
	if err != nil {
		t.Skip(err)
	}
	return d
}

// pair is the module of the golden file: a matrix and a vector.
type pair struct{ a, b *tensor.Tensor }

func (p pair) Visit(path string, f func(nn.Param)) {
	f(nn.Param{Path: nn.Join(path, "a"), Tensor: p.a, Trainable: true})
	f(nn.Param{Path: nn.Join(path, "b"), Tensor: p.b, Trainable: true})
}

func (pair) SetTraining(bool) {}

// TestAdamAgreesWithPyTorch follows golden/optim: five steps of which the third clips the norm to 0.5.
func TestAdamAgreesWithPyTorch(t *testing.T) {
	f, err := safetensors.Read("testdata/optim.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	values := func(name string) []float32 {
		v, _, err := f.Float32(name)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, kernels := range []string{"portable", "avx2", "avx512", "neon"} {
		for _, name := range []string{"adam", "adamw"} {
			t.Run(kernels+"/"+name, func(t *testing.T) {
				d := open(t, kernels)
				m := pair{d.From(values(name+".p0.step0"), 4, 5), d.From(values(name+".p1.step0"), 5)}
				m.a.SetRequiresGrad(true)
				m.b.SetRequiresGrad(true)
				adam := NewAdam(m, AdamOptions{Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, WeightDecay: 0.1, Decoupled: name == "adamw"})
				for step := 1; step <= 5; step++ {
					adam.ZeroGrad()
					s := d.Record()
					for i, p := range []*tensor.Tensor{m.a, m.b} {
						g := d.From(values(fmt.Sprintf("%s.g%d.step%d", name, i, step)), p.Shape()...)
						p.Mul(g).Sum().Backward()
					}
					s.End()
					limit := 0.0
					if step == 3 {
						limit = 0.5
					}
					scale := ClipScale(adam.GradNorm(), limit)
					for i, p := range []*tensor.Tensor{m.a, m.b} {
						clipped := p.Grad().Scale(scale).Values()
						near(t, fmt.Sprintf("gradient %d of step %d", i, step), clipped, values(fmt.Sprintf("%s.clipped%d.step%d", name, i, step)))
					}
					adam.Step(0.01, scale)
					near(t, fmt.Sprintf("a of step %d", step), m.a.Values(), values(fmt.Sprintf("%s.p0.step%d", name, step)))
					near(t, fmt.Sprintf("b of step %d", step), m.b.Values(), values(fmt.Sprintf("%s.p1.step%d", name, step)))
				}
			})
		}
	}
}

// near compares relative to the largest magnitude.
func near(t *testing.T, what string, got, want []float32) {
	t.Helper()
	worst, largest := 0.0, 0.0
	for i := range want {
		worst = max(worst, math.Abs(float64(got[i]-want[i])))
		largest = max(largest, math.Abs(float64(want[i])))
	}
	if len(got) != len(want) || !(worst <= 2e-6*largest) {
		t.Errorf("%s: off by %.2g of %.2g", what, worst, largest)
	}
}

// gradient leaves the same gradient at every element of p.
func gradient(p *tensor.Tensor, g float64) {
	s := p.Device().Record()
	p.Scale(g).Sum().Backward()
	s.End()
}

func TestDecayOfMatricesOnly(t *testing.T) {
	d := open(t, "portable")
	m := pair{nn.Constant(d, 1, 2, 2), nn.Constant(d, 1, 2)}
	adam := NewAdam(m, AdamOptions{Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, WeightDecay: 0.5, Decoupled: true, MatricesOnly: true})
	gradient(m.a, 0)
	gradient(m.b, 0)
	adam.Step(0.1, 1)
	if a, b := m.a.Values()[0], m.b.Values()[0]; math.Abs(float64(a)-0.95) > 1e-6 || b != 1 {
		t.Errorf("got %v and %v, want 0.95 and 1", a, b)
	}
}

// TestParametersWithoutGradient stay as they are, without weight decay, as in PyTorch.
func TestParametersWithoutGradient(t *testing.T) {
	d := open(t, "portable")
	m := pair{nn.Constant(d, 1, 2, 2), nn.Constant(d, 1, 2)}
	adam := NewAdam(m, AdamOptions{Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, WeightDecay: 0.5})
	if got := adam.GradNorm(); got != 0 {
		t.Error(got)
	}
	adam.Step(0.1, 1)
	gradient(m.a, 3)
	if got := adam.GradNorm(); math.Abs(got-6) > 1e-6 {
		t.Errorf("norm %v, want 6", got)
	}
	adam.Step(0.1, 1)
	if m.a.Values()[0] == 1 || m.b.Values()[0] != 1 {
		t.Error(m.a.Values(), m.b.Values())
	}
}

// TestSharedParameter is updated once though the model visits it twice.
func TestSharedParameter(t *testing.T) {
	d := open(t, "portable")
	w := nn.Constant(d, 1, 2)
	adam := NewAdam(pair{w, w}, AdamOptions{Beta1: 0.9, Beta2: 0.999, Eps: 1e-8})
	gradient(w, 1)
	adam.Step(0.25, 1)
	if got := w.Values()[0]; got != 0.75 {
		t.Errorf("got %v, want 0.75", got)
	}
}

func TestAdamState(t *testing.T) {
	d := open(t, "portable")
	g := tensor.NewGenerator(1)
	newModel := func() *nn.Linear { return nn.NewLinear(d, 3, 2, true, g) }
	step := func(m *nn.Linear, a *Adam) {
		a.ZeroGrad()
		gradient(m.Weight, 0.3)
		gradient(m.Bias, -0.1)
		a.Step(0.01, 1)
	}
	o := AdamOptions{Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, WeightDecay: 0.1}
	m := newModel()
	a := NewAdam(m, o)
	for range 3 {
		step(m, a)
	}
	path := filepath.Join(t.TempDir(), "a.safetensors")
	moments, err := a.state("")
	if err != nil {
		t.Fatal(err)
	}
	if err := safetensors.Write(path, append(moments, weights.Of(m)...), nil); err != nil {
		t.Fatal(err)
	}
	f, err := safetensors.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	m2 := newModel()
	b := NewAdam(m2, o)
	for _, p := range nn.Params(m2) {
		if err := weights.LoadFrom(p, f, p.Path, p.Tensor); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.setState(f, "", 3); err != nil || b.Steps() != 3 {
		t.Fatal(err)
	}
	step(m, a)
	step(m2, b)
	same(t, m, m2)
}
