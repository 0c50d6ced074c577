package train

import (
	"math"

	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// AdamOptions are the constants of Adam, by the names and with the meaning that they have in PyTorch.
type AdamOptions struct {
	Beta1, Beta2 float64 // decay of the moments; 0.9 and 0.999 in the paper
	Eps          float64 // 1e-8 in the paper
	WeightDecay  float64
	Decoupled    bool // AdamW: shrink the weights directly instead of adding the decay to the gradient
	MatricesOnly bool // spare what has fewer than two dimensions, biases and the scales of norms, the decay
}

// Adam is the optimizer of Kingma and Ba (2015), or that of Loshchilov and Hutter (2019) with decoupled decay:
//
//	m ← β₁m + (1−β₁)g   v ← β₂v + (1−β₂)g²   p ← p − lr·m̂/(√v̂ + ε)
//
// with m̂ = m/(1−β₁ᵗ) and v̂ = v/(1−β₂ᵗ). All parameters are updated in one call.
type Adam struct {
	options AdamOptions
	device  *tensor.Device
	params  []nn.Param // what is learned, each once, also when a model uses it twice
	m, v    []*tensor.Tensor
	steps   int

	place map[*tensor.Tensor]int // of a parameter in the list
	early *kernel.Adam           // the step that Follow has begun, or nil

	due       []kernel.AdamParam // reused by Step
	gradients []kernel.Buffer    // reused by GradNorm
}

// NewAdam returns an optimizer for the trainable parameters of m.
func NewAdam(m nn.Module, o AdamOptions) *Adam {
	a := &Adam{options: o, place: map[*tensor.Tensor]int{}}
	for _, p := range nn.Trainable(m) {
		if _, seen := a.place[p.Tensor]; seen {
			continue
		}
		a.place[p.Tensor] = len(a.params)
		a.device = p.Tensor.Device()
		a.params = append(a.params, p)
		a.m = append(a.m, a.device.Zeros(p.Tensor.Shape()...))
		a.v = append(a.v, a.device.Zeros(p.Tensor.Shape()...))
	}
	return a
}

// Steps is the number of steps so far.
func (a *Adam) Steps() int { return a.steps }

// GradNorm is the Euclidean norm of all gradients together; not finite if any of them is not.
func (a *Adam) GradNorm() float64 {
	a.gradients = a.gradients[:0]
	for _, p := range a.params {
		if g := p.Tensor.Grad(); g != nil {
			a.gradients = append(a.gradients, engine.Data(g))
		}
	}
	if len(a.gradients) == 0 {
		return 0
	}
	return math.Sqrt(engine.Kernels(a.device).SumSquares(a.gradients))
}

// WeightNorm is the Euclidean norm of all parameters together; not finite if any of them is not.
func (a *Adam) WeightNorm() float64 {
	weights := make([]kernel.Buffer, len(a.params))
	for i, p := range a.params {
		weights[i] = engine.Data(p.Tensor)
	}
	return math.Sqrt(engine.Kernels(a.device).SumSquares(weights))
}

// Step updates the parameters that have a gradient, after multiplying it by gradScale.
func (a *Adam) Step(rate, gradScale float64) {
	step := a.early
	if step == nil {
		step = a.next(rate, gradScale)
	}
	a.early = nil
	a.due = a.due[:0]
	for i, p := range a.params {
		g := p.Tensor.Grad()
		if g == nil {
			continue
		}
		due := a.param(i)
		due.G = engine.Data(g)
		a.due = append(a.due, due)
	}
	if len(a.due) == 0 {
		return
	}
	engine.Kernels(a.device).AdamStep(*step, a.due)
}

// Follow has large weights updated while Backward goes on in s, each as soon as its gradient is complete, where that is
// faster; such a gradient is gone then. Step, with the same arguments, updates the rest. It is for steps of a single
// Backward whose gradients nobody wants to see first.
func (a *Adam) Follow(s *tensor.Step, rate, gradScale float64) {
	a.early = a.next(rate, gradScale)
	engine.UpdateWith(s, a.update)
}

// update says how leaf is stepped while Backward goes on.
func (a *Adam) update(leaf *tensor.Tensor) (kernel.Adam, kernel.AdamParam, bool) {
	i, ok := a.place[leaf]
	if !ok {
		return kernel.Adam{}, kernel.AdamParam{}, false
	}
	return *a.early, a.param(i), true
}

// next counts a step and describes it.
func (a *Adam) next(rate, gradScale float64) *kernel.Adam {
	a.steps++
	return &kernel.Adam{
		LearningRate: rate, Beta1: a.options.Beta1, Beta2: a.options.Beta2, Eps: a.options.Eps,
		Step: a.steps, GradScale: gradScale, Decoupled: a.options.Decoupled,
	}
}

// param describes parameter i without its gradient.
func (a *Adam) param(i int) kernel.AdamParam {
	p := a.params[i]
	decay := a.options.WeightDecay
	if a.options.MatricesOnly && p.Tensor.Rank() < 2 {
		decay = 0
	}
	return kernel.AdamParam{P: engine.Data(p.Tensor), M: engine.Data(a.m[i]), V: engine.Data(a.v[i]), WeightDecay: decay}
}

// ZeroGrad forgets the gradients.
func (a *Adam) ZeroGrad() {
	for _, p := range a.params {
		p.Tensor.ZeroGrad()
	}
}

// ClipScale is what to multiply gradients of a norm with, so that it becomes at most limit; 1 if limit is 0. It is
// PyTorch's clip_grad_norm_.
func ClipScale(norm, limit float64) float64 {
	if limit == 0 {
		return 1
	}
	return min(1, limit/(norm+1e-6))
}

// state returns copies of the moments, as m.<path> and v.<path>; the number of steps is the caller's to keep.
func (a *Adam) state() []safetensors.Tensor {
	var all []safetensors.Tensor
	for i, p := range a.params {
		all = append(all, weights.SaveAs(p, "m."+p.Path, a.m[i]), weights.SaveAs(p, "v."+p.Path, a.v[i]))
	}
	return all
}

// setState continues from moments that state returned, after that many steps.
func (a *Adam) setState(f *safetensors.File, steps int) error {
	for i, p := range a.params {
		if err := weights.LoadFrom(p, f, "m."+p.Path, a.m[i]); err != nil {
			return err
		}
		if err := weights.LoadFrom(p, f, "v."+p.Path, a.v[i]); err != nil {
			return err
		}
	}
	a.steps = steps
	return nil
}
