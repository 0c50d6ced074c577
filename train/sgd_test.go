package train

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// TestSGDAgreesWithPyTorch follows six steps with two groups; after the third, the state goes through a file.
func TestSGDAgreesWithPyTorch(t *testing.T) {
	f := golden.Read(t, "testdata/sgd.safetensors")
	golden.KernelSets(t, func(t *testing.T, d *tensor.Device) {
		for name, o := range map[string]SGDOptions{
			"plain": {}, "decay": {WeightDecay: 0.3}, "momentum": {Momentum: 0.9, WeightDecay: 5e-2},
			"nesterov": {Momentum: 0.8, Nesterov: true, WeightDecay: 0.1},
		} {
			decay := o.WeightDecay
			o.Group = func(p nn.Param) SGDGroup {
				if p.Tensor.Rank() < 2 {
					return SGDGroup{Rate: 2}
				}
				return SGDGroup{1, decay}
			}
			values := func(what string, step int) []float32 {
				return golden.Floats(t, f, fmt.Sprintf("%s.%s%d", name, what, step))
			}
			m := pair{d.From(values("a", 0), 4, 5).SetRequiresGrad(true), d.From(values("b", 0), 5).SetRequiresGrad(true)}
			sgd := NewSGD(m, o)
			for step := 1; step <= 6; step++ {
				sgd.ZeroGrad()
				s := d.Record()
				m.a.Mul(d.From(values("ga", step), 4, 5)).Sum().Add(m.b.Mul(d.From(values("gb", step), 5)).Sum()).Backward()
				s.End()
				sgd.Step(0.05, ClipScale(sgd.GradNorm(), 4))
				golden.Near(t, fmt.Sprintf("%s: a of step %d", name, step), m.a.Values(), values("a", step), 1e-6)
				golden.Near(t, fmt.Sprintf("%s: b of step %d", name, step), m.b.Values(), values("b", step), 1e-6)
				if step == 3 {
					state, err := sgd.state("x.")
					if err != nil {
						t.Fatal(err)
					}
					saved := safetensors.NewFile("state", state, nil)
					sgd = NewSGD(m, o)
					if err := sgd.setState(saved, "x.", step); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	})
}

func TestSGDOptions(t *testing.T) {
	for _, o := range []SGDOptions{{Momentum: 1}, {Momentum: math.NaN()}, {Nesterov: true}, {WeightDecay: -1}} {
		var field *fault.FieldError
		if err := o.Validate(); !errors.As(err, &field) {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

func TestStepwiseSchedules(t *testing.T) {
	steps := Steps(0.1, 2, 4)
	piecewise := Piecewise([]int{2, 4}, []float64{1, 0.5, 0.25})
	for step, want := range map[int][2]float64{1: {1, 1}, 2: {1, 1}, 3: {0.1, 0.5}, 4: {0.1, 0.5}, 5: {0.01, 0.25}, 99: {0.01, 0.25}} {
		if a, b := steps(step), piecewise(step); math.Abs(a-want[0]) > 1e-15 || b != want[1] {
			t.Errorf("step %d: %v and %v, want %v", step, a, b, want)
		}
	}
}
