package maskrcnn

import (
	"fmt"
	"math"

	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// trunk makes the features at strides 4 to 32: a *backbone.Backbone or a *resNet.
type trunk interface {
	Features(x *tensor.Tensor) []*tensor.Tensor
	Widths() []int
	Strides() []int
	Neutral() [3]float32
	VisitStages(path string, f func(nn.Param))
	VisitFirstStages(path string, n int, f func(nn.Param))
	SetTraining(on bool)
}

// blocks are the numbers of blocks of each stage of the networks that matterport's Mask_RCNN has.
func (c Config) blocks() [4]int {
	switch c.Backbone {
	case "resnet50":
		return [4]int{3, 4, 6, 3}
	case "resnet101":
		return [4]int{3, 4, 23, 3}
	}
	return [4]int{}
}

// resNet is ResNet-50 or ResNet-101 (He et al., 2016) as its authors published it: the first convolution of a stage has the stride. Batch
// normalization is constant, and part of the convolutions.
type resNet struct {
	stem        *nn.Conv2d
	stages      [4][]*bottleneck
	scale, mean *tensor.Tensor // from values in [−1, 1] to bytes without their mean
}

// bottleneck is a block of 1×1, 3×3 and 1×1 convolutions, which it adds to its input.
type bottleneck struct {
	convs    [3]*nn.Conv2d
	shortcut *nn.Conv2d // nil: the input itself
}

// meanPixel is the mean of the channels of ImageNet's pictures, as matterport's Mask_RCNN has it.
var meanPixel = []float32{123.7, 116.8, 103.9}

// newResNet draws the weights of all convolutions but the last of each block from N(0, 2/fan in) (He et al., 2015). The last are 0: then
// features don't grow from block to block, without batch normalization.
func newResNet(d *tensor.Device, blocks [4]int, g *tensor.Generator) *resNet {
	conv := func(in, out, kernel, stride int) *nn.Conv2d {
		std := math.Sqrt(2 / float64(in*kernel*kernel))
		return normal(d, in, out, kernel, std, tensor.StridePad(stride, kernel/2), g)
	}
	first := conv(3, 64, 7, 2)
	first.Options = rectified(first.Options)
	m := &resNet{stem: first, scale: d.Full(127.5, 3).Keep()}
	shift := make([]float32, 3)
	for c, v := range meanPixel {
		shift[c] = 127.5 - v
	}
	m.mean = d.From(shift, 3).Keep()
	in := 64
	for stage, n := range blocks {
		between, out, stride := 64<<stage, 256<<stage, min(stage+1, 2)
		for range n {
			b := &bottleneck{convs: [3]*nn.Conv2d{conv(in, between, 1, stride), conv(between, between, 3, 1), nil}}
			for _, c := range b.convs[:2] {
				c.Options = rectified(c.Options)
			}
			b.convs[2] = &nn.Conv2d{Weight: nn.Constant(d, 0, 1, 1, between, out), Bias: nn.Constant(d, 0, out), Options: tensor.StridePad(1, 0)}
			if in != out {
				b.shortcut = conv(in, out, 1, stride)
			}
			m.stages[stage] = append(m.stages[stage], b)
			in, stride = out, 1
		}
	}
	return m
}

// Features implements trunk.
func (m *resNet) Features(x *tensor.Tensor) (all []*tensor.Tensor) {
	x = m.stem.Forward(x.Mul(m.scale).Add(m.mean))        // [N, S/2, S/2, 64]
	x = x.Pad(0, 1, 0, 1).MaxPool2d(tensor.Pool(3, 2, 0)) // [N, S/4, S/4, 64], padded as TensorFlow's SAME; values are 0 or more
	for _, stage := range m.stages {
		for _, b := range stage {
			x = b.forward(x)
		}
		all = append(all, x)
	}
	return all
}

// forward maps [N, H, W, in] to [N, H/stride, W/stride, out].
func (b *bottleneck) forward(x *tensor.Tensor) *tensor.Tensor {
	y := x
	for _, c := range b.convs {
		y = c.Forward(y)
	}
	if b.shortcut != nil {
		x = b.shortcut.Forward(x)
	}
	return y.Add(x).ReLU()
}

// Widths implements trunk.
func (m *resNet) Widths() []int { return []int{256, 512, 1024, 2048} }

// Strides implements trunk.
func (m *resNet) Strides() []int { return []int{4, 8, 16, 32} }

// Neutral implements trunk: matterport's Mask_RCNN pads pictures with black, before it subtracts the mean.
func (m *resNet) Neutral() [3]float32 { return [3]float32{-1, -1, -1} }

// SetTraining implements trunk.
func (m *resNet) SetTraining(bool) {}

// VisitStages implements trunk, with torchvision's names.
func (m *resNet) VisitStages(path string, f func(nn.Param)) {
	m.VisitFirstStages(path, len(m.stages), f)
}

// VisitFirstStages implements trunk.
func (m *resNet) VisitFirstStages(path string, n int, f func(nn.Param)) {
	if n == 0 {
		return
	}
	m.stem.Visit(nn.Join(path, "conv1"), f)
	for i, stage := range m.stages[:n] {
		for j, b := range stage {
			own := nn.Join(path, fmt.Sprintf("layer%d.%d", i+1, j))
			for k, c := range b.convs {
				c.Visit(nn.Join(own, fmt.Sprintf("conv%d", k+1)), f)
			}
			if b.shortcut != nil {
				b.shortcut.Visit(nn.Join(own, "downsample.0"), f)
			}
		}
	}
}
