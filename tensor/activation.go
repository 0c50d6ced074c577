package tensor

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// Activation is an elementwise function that [Tensor.Linear], the convolutions and [Tensor.BatchNorm] fuse: they apply it to
// their result in the same pass. The zero value is the identity.
type Activation struct {
	kind  kernel.Activation
	slope float64
}

// The activations that can be fused, beside [LeakyReLU].
var (
	Identity = Activation{}
	ReLU     = Activation{kind: kernel.ActReLU}
	Tanh     = Activation{kind: kernel.ActTanh}
	Sigmoid  = Activation{kind: kernel.ActSigmoid}
)

// LeakyReLU is x where x is positive, else slope·x. It panics if slope is negative: the gradient is computed from the
// result, whose sign must be that of x.
func LeakyReLU(slope float64) Activation {
	if !(slope >= 0) {
		panic("tensor: LeakyReLU with a negative slope")
	}
	return Activation{kind: kernel.ActLeakyReLU, slope: slope}
}

// String returns the name of a: "ReLU", "LeakyReLU(0.2)".
func (a Activation) String() string {
	switch a.kind {
	case kernel.ActReLU:
		return "ReLU"
	case kernel.ActLeakyReLU:
		return fmt.Sprintf("LeakyReLU(%g)", a.slope)
	case kernel.ActTanh:
		return "Tanh"
	case kernel.ActSigmoid:
		return "Sigmoid"
	}
	return "Identity"
}

// Apply applies a to t as an operation of its own.
func (a Activation) Apply(t *Tensor) *Tensor {
	switch a.kind {
	case kernel.ActReLU:
		return t.ReLU()
	case kernel.ActLeakyReLU:
		return t.LeakyReLU(a.slope)
	case kernel.ActTanh:
		return t.Tanh()
	case kernel.ActSigmoid:
		return t.Sigmoid()
	}
	return t
}

// activationGrad turns y's gradient into that of the fused activation's argument, in place.
func activationGrad(act Activation, y *Tensor) {
	if act.kind != kernel.ActNone {
		y.kernels().ActivationGrad(act.kind, act.slope, y.data, y.grad, y.grad)
	}
}

// outputGrad turns y's gradient into that of the fused activation's argument, in place, and adds its column sums to the
// gradient of bias.
func outputGrad(act Activation, bias, y *Tensor) {
	d := y.device
	if act.kind == kernel.ActNone || bias == nil || !bias.requires {
		activationGrad(act, y)
		biasGrad(bias, y)
		return
	}
	gbias := d.gradFor(bias)
	d.kernels.ActivationBiasGrad(act.kind, act.slope, y.Len()/bias.Len(), bias.Len(), y.data, y.grad, y.grad, gbias)
	d.settleGrad(bias, gbias)
}

// biasGrad adds the column sums of y's gradient to that of bias.
func biasGrad(bias, y *Tensor) {
	if bias == nil {
		return
	}
	bias.addGrad(func(dst kernel.Buffer) {
		rows := kernel.Span{Outer: 1, N: y.Len() / bias.Len(), Inner: bias.Len()}
		y.kernels().Reduce(kernel.Sum, rows, 1, y.grad, dst)
	})
}
