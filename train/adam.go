package train

import (
	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// AdamOptions are the constants of Adam, by the names and with the meaning that they have in PyTorch.
type AdamOptions struct {
	Beta1, Beta2 float64 // decay of the moments
	Eps          float64
	WeightDecay  float64
	Decoupled    bool // AdamW: shrink the weights directly instead of adding the decay to the gradient
	MatricesOnly bool // exclude tensors of rank 0 and 1, biases and the scales of norms, from weight decay
}

// DefaultAdam returns the constants of the paper, without weight decay: β₁ 0.9, β₂ 0.999, ε 1e-8.
func DefaultAdam() AdamOptions { return AdamOptions{Beta1: 0.9, Beta2: 0.999, Eps: 1e-8} }

// DefaultAdamW returns the constants of the paper with decoupled weight decay, from which biases and norms are excluded.
func DefaultAdamW(decay float64) AdamOptions {
	o := DefaultAdam()
	o.WeightDecay, o.Decoupled, o.MatricesOnly = decay, true, true
	return o
}

// Adam is the optimizer of Kingma and Ba (2015) or, with decoupled decay, AdamW of Loshchilov and Hutter (2019):
//
//	m ← β₁m + (1−β₁)g   v ← β₂v + (1−β₂)g²   p ← p − lr·m̂/(√v̂ + ε)
//
// with m̂ = m/(1−β₁ᵗ) and v̂ = v/(1−β₂ᵗ). All parameters are updated in one call. A training step by hand, with gradient
// clipping to a norm of 1:
//
//	s := device.Record()
//	loss(batch).Backward()
//	s.End()
//	adam.Step(rate, train.ClipScale(adam.GradNorm(), 1))
//	adam.ZeroGrad()
type Adam struct {
	gradients
	options AdamOptions
	m, v    []*tensor.Tensor // parallel to pieces
	steps   int
	early   *kernel.Adam       // step that Follow has begun, or nil
	due     []kernel.AdamParam // reused by Step
	staging [2]chunk           // memory of stepOnHost
}

// NewAdam returns an optimizer for the trainable parameters of m.
func NewAdam(m nn.Module, o AdamOptions) *Adam {
	a := newAdam(m, o, nil)
	a.share(nil)
	return a
}

// newAdam is NewAdam without moments, which share makes, on another device; nil: that of m.
func newAdam(m nn.Module, o AdamOptions, host *tensor.Device) *Adam {
	a := &Adam{options: o}
	if a.collect(m); host != nil {
		a.stateDevice = host
	}
	return a
}

// share implements optimizer.
func (a *Adam) share(r *reducer) {
	a.reduce(r)
	a.m, a.v = a.zeros(), a.zeros()
}

// Steps returns the number of steps so far.
func (a *Adam) Steps() int { return a.steps }

// Step updates the parameters that have a gradient, at a learning rate. Gradients are multiplied by gradScale first: 1, or
// what [ClipScale] returns, or 1/n to average n accumulated batches.
func (a *Adam) Step(rate, gradScale float64) {
	step := a.early
	if step == nil {
		step = a.next(rate, gradScale)
	}
	a.early = nil
	if a.stateDevice != a.device {
		a.stepOnHost(*step)
		return
	}
	a.due = a.due[:0]
	for j := range a.pieces {
		g, ok := a.grad(j)
		if !ok {
			continue
		}
		due := a.param(j)
		due.G = g
		a.due = append(a.due, due)
	}
	if len(a.due) == 0 {
		return
	}
	engine.Kernels(a.device).AdamStep(*step, a.due)
}

// Follow makes Backward in s update large weights as soon as their gradients are complete, where that is faster. Such a
// gradient is gone afterwards. Step, with the same arguments, updates the other weights. Use it for steps with a single
// Backward, whose gradients are not needed for anything else. The result is the same to the bit.
func (a *Adam) Follow(s *tensor.Step, rate, gradScale float64) {
	if a.stateDevice != a.device {
		return // such devices gain nothing by it
	}
	a.early = a.next(rate, gradScale)
	engine.UpdateWith(s, a.update)
}

// update describes the step of leaf during Backward.
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

// param describes piece j without its gradient.
func (a *Adam) param(j int) kernel.AdamParam {
	p := a.params[a.pieces[j].param]
	decay := a.options.WeightDecay
	if a.options.MatricesOnly && p.Tensor.Rank() < 2 {
		decay = 0
	}
	return kernel.AdamParam{P: a.data(j), M: engine.Data(a.m[j]), V: engine.Data(a.v[j]), WeightDecay: decay}
}

// state returns copies of the moments, named m.<path> and v.<path> behind a prefix. The caller saves the number of steps.
func (a *Adam) state(prefix string) ([]safetensors.Tensor, error) {
	m, err := a.save(prefix+"m.", a.m)
	if err != nil {
		return nil, err
	}
	v, err := a.save(prefix+"v.", a.v)
	return append(m, v...), err
}

// setState restores moments that state returned after that many steps.
func (a *Adam) setState(f *safetensors.File, prefix string, steps int) error {
	if err := a.load(f, prefix+"m.", a.m); err != nil {
		return err
	}
	if err := a.load(f, prefix+"v.", a.v); err != nil {
		return err
	}
	a.steps = steps
	return nil
}
