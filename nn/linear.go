package nn

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/tensor"
)

// torchLinear is PyTorch's order of a linear layer's weight: [out, in].
var torchLinear = []int{1, 0}

// Linear computes act(x·Weight + Bias): [..., in] → [..., out].
type Linear struct {
	Weight *tensor.Tensor // [in, out]
	Bias   *tensor.Tensor // [out], or nil
	Act    tensor.Activation
}

// NewLinear returns a linear layer, initialised from U(−1/√in, 1/√in).
func NewLinear(d *tensor.Device, in, out int, bias bool, g *tensor.Generator) *Linear {
	l := &Linear{Weight: Uniform(d, g, fanInBound(in), in, out)}
	if bias {
		l.Bias = Uniform(d, g, fanInBound(in), out)
	}
	return l
}

// Forward implements Layer: [..., in] → [..., out].
func (l *Linear) Forward(x *tensor.Tensor) *tensor.Tensor { return x.Linear(l.Weight, l.Bias, l.Act) }

// Visit implements Module.
func (l *Linear) Visit(path string, f func(Param)) {
	visit(f, l, path, "weight", l.Weight, torchLinear)
	visit(f, l, path, "bias", l.Bias, nil)
}

// SetTraining implements Module.
func (l *Linear) SetTraining(bool) {}

// String implements fmt.Stringer: "Linear(2 → 16, ReLU)".
func (l *Linear) String() string {
	s := fmt.Sprintf("Linear(%d → %d", l.Weight.Dim(0), l.Weight.Dim(1))
	return describeRest(s, l.Bias, l.Act) + ")"
}

// describeRest appends to the description of a layer that it has no bias, and the activation that is fused with it.
func describeRest(s string, bias *tensor.Tensor, act tensor.Activation) string {
	if bias == nil {
		s += ", no bias"
	}
	return s + describeActivation(act)
}

// describeActivation returns the name of a fused activation after a comma, or nothing for the identity.
func describeActivation(act tensor.Activation) string {
	if act == tensor.Identity {
		return ""
	}
	return ", " + act.String()
}
