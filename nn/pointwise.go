package nn

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/tensor"
)

// Dropout sets elements to zero at random in training and scales the others by 1/(1−P) (Srivastava et al., 2014); in
// evaluation it returns its input. Shapes: [...] → [...]. It draws from the generator that it was built with, so a
// checkpoint needs that generator's state.
type Dropout struct {
	P        float64 // probability of a zero
	g        *tensor.Generator
	training bool
}

// NewDropout returns dropout, in training, with probability p, 0 ≤ p < 1; Forward panics on other values.
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

// String implements fmt.Stringer: "Dropout(0.2)".
func (l *Dropout) String() string { return fmt.Sprintf("Dropout(%g)", l.P) }

// Pointwise is a function of single elements as a layer: [...] → [...].
type Pointwise struct {
	Stateless
	Name string // for String
	Func func(*tensor.Tensor) *tensor.Tensor
}

// Forward implements Layer.
func (l Pointwise) Forward(x *tensor.Tensor) *tensor.Tensor { return l.Func(x) }

// String implements fmt.Stringer: "ReLU".
func (l Pointwise) String() string {
	if l.Name == "" {
		return "Pointwise"
	}
	return l.Name
}

// Activations as layers of their own. Those that are fused with [Linear], the convolutions and [BatchNorm] are faster.
var (
	ReLU    = Pointwise{Name: "ReLU", Func: (*tensor.Tensor).ReLU}
	Tanh    = Pointwise{Name: "Tanh", Func: (*tensor.Tensor).Tanh}
	Sigmoid = Pointwise{Name: "Sigmoid", Func: (*tensor.Tensor).Sigmoid}
	GELU    = Pointwise{Name: "GELU", Func: (*tensor.Tensor).GELU}
	SiLU    = Pointwise{Name: "SiLU", Func: (*tensor.Tensor).SiLU}
)

// LeakyReLU returns x for x ≥ 0 and slope·x below, as a layer of its own.
func LeakyReLU(slope float64) Pointwise {
	return Pointwise{
		Name: fmt.Sprintf("LeakyReLU(%g)", slope),
		Func: func(x *tensor.Tensor) *tensor.Tensor { return x.LeakyReLU(slope) },
	}
}
