package nn

import "github.com/bestiary-ml/bestiary/tensor"

// torchLinear is PyTorch's order of a linear layer's weight: [out, in].
var torchLinear = []int{1, 0}

// Linear computes act(x·Weight + Bias) for x [..., in].
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

// Forward implements Layer.
func (l *Linear) Forward(x *tensor.Tensor) *tensor.Tensor { return x.Linear(l.Weight, l.Bias, l.Act) }

// Visit implements Module.
func (l *Linear) Visit(path string, f func(Param)) {
	learned(f, path, "weight", l.Weight, torchLinear)
	learned(f, path, "bias", l.Bias, nil)
}

// SetTraining implements Module.
func (l *Linear) SetTraining(bool) {}
