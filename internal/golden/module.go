package golden

import (
	"testing"

	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Gradients compares the gradients of m with the tensors "grad.NAME" of a file, where name maps the path of a parameter to
// NAME; "" leaves it out.
func Gradients(t testing.TB, m nn.Module, f *safetensors.File, name func(path string) string, tolerance float64) {
	t.Helper()
	for _, p := range nn.Trainable(m) {
		if stored := name(p.Path); stored != "" {
			got := weights.SaveAs(p, p.Path, p.Tensor.Grad()).F32
			Near(t, "gradient of "+p.Path, got, Floats(t, f, "grad."+stored), tolerance)
		}
	}
}

// Adam trains a module with Adam (Kingma & Ba, 2015), with β₁ = 0.9 and ε = 1e-8.
type Adam struct {
	device *tensor.Device
	rule   kernel.Adam
	params []nn.Param
	state  []kernel.AdamParam
	memory []*tensor.Tensor // the moments in state
}

// NewAdam returns an optimizer of the trainable parameters of m. weightDecay is added to the gradient, times the weight.
func NewAdam(d *tensor.Device, m nn.Module, learningRate, beta2, weightDecay float64) *Adam {
	a := &Adam{device: d, params: nn.Trainable(m)}
	a.rule = kernel.Adam{LearningRate: learningRate, Beta1: 0.9, Beta2: beta2, Eps: 1e-8, GradScale: 1}
	for _, p := range a.params {
		moment := func() kernel.Buffer {
			m := d.Zeros(p.Tensor.Shape()...).Keep()
			a.memory = append(a.memory, m)
			return engine.Data(m)
		}
		a.state = append(a.state, kernel.AdamParam{P: engine.Data(p.Tensor), M: moment(), V: moment(), WeightDecay: weightDecay})
	}
	return a
}

// Step updates the parameters by their gradients.
func (a *Adam) Step() {
	for i, p := range a.params {
		a.state[i].G = engine.Data(p.Tensor.Grad())
	}
	a.rule.Step++
	engine.Kernels(a.device).AdamStep(a.rule, a.state)
}
