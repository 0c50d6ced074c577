package nn

import "github.com/bestiary-ml/bestiary/tensor"

// Dropout zeroes elements at random in training (Srivastava et al., 2014). It draws from the generator it was built
// with, whose state therefore belongs to a checkpoint.
type Dropout struct {
	P        float64
	g        *tensor.Generator
	training bool
}

// NewDropout returns dropout with probability p.
func NewDropout(p float64, g *tensor.Generator) *Dropout { return &Dropout{P: p, g: g, training: true} }

// Forward implements Layer.
func (l *Dropout) Forward(x *tensor.Tensor) *tensor.Tensor {
	if !l.training {
		return x
	}
	return x.Dropout(l.P, l.g)
}

// Visit implements Module.
func (l *Dropout) Visit(string, func(Param)) {}

// SetTraining implements Module.
func (l *Dropout) SetTraining(on bool) { l.training = on }

// Pointwise is a function as a layer.
type Pointwise struct {
	Stateless
	Func func(*tensor.Tensor) *tensor.Tensor
}

// Forward implements Layer.
func (l Pointwise) Forward(x *tensor.Tensor) *tensor.Tensor { return l.Func(x) }

// ReLU, Tanh, Sigmoid and GELU are activations as layers of their own.
var (
	ReLU    = Pointwise{Func: (*tensor.Tensor).ReLU}
	Tanh    = Pointwise{Func: (*tensor.Tensor).Tanh}
	Sigmoid = Pointwise{Func: (*tensor.Tensor).Sigmoid}
	GELU    = Pointwise{Func: (*tensor.Tensor).GELU}
)

// LeakyReLU returns an activation as a layer of its own.
func LeakyReLU(slope float64) Pointwise {
	return Pointwise{Func: func(x *tensor.Tensor) *tensor.Tensor { return x.LeakyReLU(slope) }}
}
