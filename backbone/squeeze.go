package backbone

import (
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// excitation is squeeze-and-excitation (Hu et al., 2018). It scales each channel by a number from 0 to 1, which two layers compute
// from the averages of all channels:
//
//	y = x·sigmoid(W₂·act(W₁·mean(x) + b₁) + b₂)
type excitation struct {
	path          string
	reduce, widen *nn.Conv2d // 1×1, as in the files
	act           act
}

// excitation returns a squeeze-and-excitation block: channels → between → channels.
func (b builder) excitation(path string, channels, between int, a act) *excitation {
	layer := func(in, out int, fused tensor.Activation) *nn.Conv2d {
		return &nn.Conv2d{Weight: nn.Constant(b.device, 0, 1, 1, in, out), Bias: nn.Constant(b.device, 0, out), Options: tensor.ConvOptions{Act: fused}}
	}
	return &excitation{path: path, reduce: layer(channels, between, tensor.Identity), widen: layer(between, channels, tensor.Sigmoid), act: a}
}

// forward maps [N, H, W, C] to [N, H, W, C].
func (e *excitation) forward(x *tensor.Tensor) *tensor.Tensor {
	mean := average(x).Reshape(x.Dim(0), 1, 1, x.Dim(3)) // [N, 1, 1, C]
	between := e.act.of(e.reduce.Forward(mean))          // [N, 1, 1, between]
	return x.Mul(e.widen.Forward(between))               // [N, H, W, C] · [N, 1, 1, C]
}

func (e *excitation) visit(path string, f func(nn.Param)) {
	path = nn.Join(path, e.path)
	e.reduce.Visit(nn.Join(path, "fc1"), f)
	e.widen.Visit(nn.Join(path, "fc2"), f)
}
