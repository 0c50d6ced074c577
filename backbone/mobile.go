package backbone

import (
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// mobile is the structure that MobileNets and EfficientNets share: a stem that halves the picture, blocks around depth-wise
// convolutions, and a head that widens the last of the features.
type mobile struct {
	stem   named
	blocks []*mobileBlock
	ends   []int  // blocks that end the stages at strides 4, 8, 16 and 32
	head   *named // nil: none
	fc     *nn.Linear
	fcPath string
}

// mobileStage is a row of the table of a network: blocks of which the first one has the stride. expand is the number of times
// that the blocks widen their input before the depth-wise convolution.
type mobileStage struct{ repeats, kernel, stride, expand, out int }

// stack adds the blocks of stages to m, for an input [N, S/2, S/2, in], and finds the ends of the strides. It returns the number of
// channels of the last one. block makes a block of a stage; at is the number of its stage, and i its place there.
func (m *mobile) stack(in int, stages []mobileStage, block func(at, i, in, stride int, s mobileStage) *mobileBlock) int {
	stride := 2
	for at, s := range stages {
		for i := range s.repeats {
			step := s.stride
			if i > 0 {
				step = 1
			}
			if step == 2 && stride > 2 {
				m.ends = append(m.ends, len(m.blocks)-1) // this block halves the picture
			}
			m.blocks = append(m.blocks, block(at, i, in, step, s))
			in, stride = s.out, stride*step
		}
	}
	m.ends = append(m.ends, len(m.blocks)-1)
	return in
}

// classifier sets the layer of the logits.
func (m *mobile) classifier(b builder, in int, path string) {
	m.fc = b.linear(in, classes, tensor.Identity)
	m.fcPath = path
}

func (m *mobile) features(x *tensor.Tensor) (all []*tensor.Tensor) {
	x = m.stem.forward(x) // [N, S/2, S/2, stem]
	for i, block := range m.blocks {
		x = block.forward(x)
		if i == m.ends[len(all)] {
			all = append(all, x)
		}
	}
	return all
}

func (m *mobile) pooled(deepest *tensor.Tensor) *tensor.Tensor {
	if m.head != nil {
		deepest = m.head.forward(deepest)
	}
	return average(deepest)
}

func (m *mobile) logits(pooled *tensor.Tensor) *tensor.Tensor { return m.fc.Forward(pooled) }

func (m *mobile) visit(path string, last part, f func(nn.Param)) {
	m.stem.visitNamed(path, f)
	for i, block := range m.blocks {
		if last < head && i > m.ends[last-1] {
			return
		}
		block.visit(path, f)
	}
	if m.head != nil && last >= head {
		m.head.visitNamed(path, f)
	}
	if last == classifier {
		m.fc.Visit(nn.Join(path, m.fcPath), f)
	}
}

// mobileBlock maps [N, H, W, in] to [N, H/stride, W/stride, out]. An inverted bottleneck (Sandler et al., 2018) widens its input,
// convolves each channel, and narrows the result; it adds the input if that has the same shape. Without expansion, and with an
// activation at the end, it is a depth-wise separable convolution (Howard et al., 2017).
type mobileBlock struct {
	path      string
	expand    *named // nil: the depth-wise convolution reads the input
	each      named
	squeeze   *excitation // nil: none
	project   named
	skip      bool
	depth     *stochasticDepth // nil: the block is never skipped
	placement float64          // of the block among all, from 0 to 1: later blocks are skipped more often
}

func (m *mobileBlock) forward(x *tensor.Tensor) *tensor.Tensor {
	y := x
	if m.expand != nil {
		y = m.expand.forward(y) // [N, H, W, in·expand]
	}
	y = m.each.forward(y) // [N, H/stride, W/stride, in·expand]
	if m.squeeze != nil {
		y = m.squeeze.forward(y)
	}
	y = m.project.forward(y) // [N, H/stride, W/stride, out]
	if !m.skip {
		return y
	}
	return m.depth.apply(y, m.placement).Add(x)
}

func (m *mobileBlock) visit(path string, f func(nn.Param)) {
	path = nn.Join(path, m.path)
	if m.expand != nil {
		m.expand.visitNamed(path, f)
	}
	m.each.visitNamed(path, f)
	if m.squeeze != nil {
		m.squeeze.visit(path, f)
	}
	m.project.visitNamed(path, f)
}
