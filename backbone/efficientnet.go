package backbone

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// efficientNet is EfficientNet-Lite (Tan & Le, 2019; Liu, 2020): mobile inverted bottlenecks (Sandler et al., 2018) without
// squeeze-and-excitation, and with ReLU6. The parameters have the names of the Python package efficientnet-lite-pytorch.
type efficientNet struct {
	stem, head *unit
	blocks     []*bottleneck
	ends       []int // blocks that end the stages at strides 4, 8, 16 and 32
	fc         *nn.Linear
}

// liteStages are the stages of EfficientNet-Lite0.
var liteStages = []struct{ repeats, kernel, stride, expand, out int }{
	{1, 3, 1, 1, 16}, {2, 3, 2, 6, 24}, {2, 5, 2, 6, 40}, {3, 3, 2, 6, 80}, {3, 5, 1, 6, 112}, {4, 5, 2, 6, 192}, {1, 3, 1, 6, 320},
}

const (
	liteStem    = 32   // channels of the stem
	liteHead    = 1280 // pooled features
	liteEps     = 1e-3 // of batch normalization
	liteClasses = 1000
)

func newEfficientNetLite0(b builder) network {
	m := &efficientNet{stem: b.conv(3, liteStem, 3, 2, relu6).padded().eps(liteEps)} // [N, S/2, S/2, 32]
	in, stride := liteStem, 2
	for _, s := range liteStages {
		if s.stride == 2 && stride > 2 {
			m.ends = append(m.ends, len(m.blocks)-1) // the next block halves the picture
		}
		for i := range s.repeats {
			step := s.stride
			if i > 0 {
				step = 1
			}
			m.blocks = append(m.blocks, b.bottleneck(in, s.out, s.expand, s.kernel, step))
			in, stride = s.out, stride*step
		}
	}
	m.ends = append(m.ends, len(m.blocks)-1)
	m.head = b.conv(in, liteHead, 1, 1, relu6).eps(liteEps) // [N, S/32, S/32, 1280]
	m.fc = &nn.Linear{Weight: nn.Constant(b.device, 0, liteHead, liteClasses), Bias: nn.Constant(b.device, 0, liteClasses)}
	return m
}

func (m *efficientNet) features(x *tensor.Tensor) (all []*tensor.Tensor) {
	x = m.stem.forward(x)
	for i, block := range m.blocks {
		x = block.forward(x)
		if i == m.ends[len(all)] {
			all = append(all, x)
		}
	}
	return all
}

func (m *efficientNet) pooled(deepest *tensor.Tensor) *tensor.Tensor {
	return average(m.head.forward(deepest))
}

func (m *efficientNet) logits(pooled *tensor.Tensor) *tensor.Tensor { return m.fc.Forward(pooled) }

func (m *efficientNet) visit(path string, classes bool, f func(nn.Param)) {
	m.stem.visit(path, "_conv_stem", "_bn0", f)
	for i, block := range m.blocks {
		block.visit(nn.Join(path, fmt.Sprintf("_blocks.%d", i)), f)
	}
	m.head.visit(path, "_conv_head", "_bn1", f)
	if classes {
		m.fc.Visit(nn.Join(path, "_fc"), f)
	}
}

// average is the mean over positions, [N, H, W, C] → [N, C].
func average(x *tensor.Tensor) *tensor.Tensor {
	return x.Reshape(x.Dim(0), x.Dim(1)*x.Dim(2), x.Dim(3)).Mean(1)
}

// bottleneck is a mobile inverted bottleneck, [N, H, W, in] → [N, H/stride, W/stride, out]: more channels, a depth-wise convolution,
// fewer channels; plus the input if it has the same shape.
type bottleneck struct {
	expand        *unit // nil if expand is 1
	each, project *unit
	skip          bool
}

func (b builder) bottleneck(in, out, expand, kernel, stride int) *bottleneck {
	m := &bottleneck{
		each:    b.depthwise(in*expand, kernel, stride, relu6).padded().eps(liteEps),
		project: b.conv(in*expand, out, 1, 1, linear).eps(liteEps),
		skip:    in == out && stride == 1,
	}
	if expand > 1 {
		m.expand = b.conv(in, in*expand, 1, 1, relu6).eps(liteEps)
	}
	return m
}

func (m *bottleneck) forward(x *tensor.Tensor) *tensor.Tensor {
	y := x
	if m.expand != nil {
		y = m.expand.forward(y)
	}
	y = m.project.forward(m.each.forward(y))
	if m.skip {
		return y.Add(x)
	}
	return y
}

func (m *bottleneck) visit(path string, f func(nn.Param)) {
	if m.expand != nil {
		m.expand.visit(path, "_expand_conv", "_bn0", f)
	}
	m.each.visit(path, "_depthwise_conv", "_bn1", f)
	m.project.visit(path, "_project_conv", "_bn2", f)
}
