package train

import (
	"math"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// SGDOptions are the constants of [SGD], by the names and with the meaning that they have in PyTorch.
type SGDOptions struct {
	Momentum    float64
	Nesterov    bool
	WeightDecay float64 // added to the gradient

	// Group returns the group of a parameter, as PyTorch's param_groups; nil: all have the same rate and weight decay.
	Group func(p nn.Param) SGDGroup
}

// SGDGroup is what differs between groups of parameters.
type SGDGroup struct {
	Rate        float64 // factor of the learning rate; 0 keeps the parameter as it is
	WeightDecay float64
}

// Validate returns a [*fault.FieldError] for a value that is not allowed.
func (o SGDOptions) Validate() error {
	switch {
	case !(o.Momentum >= 0 && o.Momentum < 1):
		return fault.Field("Momentum", o.Momentum, "must be 0 or more and below 1")
	case o.Nesterov && o.Momentum == 0:
		return fault.Field("Nesterov", o.Nesterov, "needs Momentum above 0")
	case !(o.WeightDecay >= 0) || math.IsInf(o.WeightDecay, 0):
		return fault.Field("WeightDecay", o.WeightDecay, "must be 0 or more")
	}
	return nil
}

// SGD is stochastic gradient descent with momentum (Polyak, 1964; Nesterov's form as in Sutskever et al., 2013), as
// torch.optim.SGD computes it:
//
//	g ← g + λp   v ← μv + g   p ← p − lr·v, or p − lr·(g + μv) in Nesterov's form
//
// with momentum μ and weight decay λ.
type SGD struct {
	gradients
	options  SGDOptions
	velocity []*tensor.Tensor // parallel to pieces; nil without momentum
	groups   []SGDGroup       // of each parameter
}

// NewSGD returns an optimizer for the trainable parameters of m.
func NewSGD(m nn.Module, o SGDOptions) *SGD {
	s := newSGD(m, o)
	s.share(nil)
	return s
}

// newSGD is NewSGD without velocities, which share makes.
func newSGD(m nn.Module, o SGDOptions) *SGD {
	s := &SGD{options: o}
	s.collect(m)
	for _, p := range s.params {
		group := SGDGroup{1, o.WeightDecay}
		if o.Group != nil {
			group = o.Group(p)
		}
		s.groups = append(s.groups, group)
	}
	return s
}

// share implements optimizer.
func (s *SGD) share(r *reducer) {
	if s.reduce(r); s.options.Momentum > 0 {
		s.velocity = s.zeros()
	}
}

// Step updates the parameters that have a gradient, at a learning rate. Gradients are multiplied by gradScale first, as in
// [Adam.Step].
func (s *SGD) Step(rate, gradScale float64) {
	if len(s.params) == 0 {
		return
	}
	k := engine.Kernels(s.device)
	for i, p := range s.pieces {
		g, ok := s.grad(i)
		if !ok {
			continue
		}
		w, group := s.data(i), s.groups[p.param]
		rate, decay, momentum := rate*group.Rate, group.WeightDecay, s.options.Momentum
		if momentum > 0 {
			v := engine.Data(s.velocity[i])
			k.Unary(kernel.Scale, momentum, v, v)
			k.AddScaled(gradScale, g, v)
			if decay != 0 {
				k.AddScaled(decay, w, v)
			}
			if !s.options.Nesterov {
				k.AddScaled(-rate, v, w)
				continue
			}
		}
		if decay != 0 {
			k.Unary(kernel.Scale, 1-rate*decay, w, w)
		}
		k.AddScaled(-rate*gradScale, g, w)
		if momentum > 0 {
			k.AddScaled(-rate*momentum, engine.Data(s.velocity[i]), w)
		}
	}
}

// Follow does nothing: SGD has no early updates. See [Adam.Follow].
func (s *SGD) Follow(*tensor.Step, float64, float64) {}

// state returns copies of the velocities, named velocity.<path>.
func (s *SGD) state(prefix string) ([]safetensors.Tensor, error) {
	if s.velocity == nil {
		return nil, nil
	}
	return s.save(prefix+"velocity.", s.velocity)
}

// setState restores velocities that state returned.
func (s *SGD) setState(f *safetensors.File, prefix string, _ int) error {
	if s.velocity == nil {
		return nil
	}
	return s.load(f, prefix+"velocity.", s.velocity)
}
