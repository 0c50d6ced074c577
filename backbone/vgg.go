package backbone

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// vggStages are the convolutions of VGG16 (Simonyan & Zisserman, 2015, table 1, D). Max pooling follows each stage.
var vggStages = []struct{ convolutions, out int }{{2, 64}, {2, 128}, {3, 256}, {3, 512}, {3, 512}}

const (
	vggSide   = 7    // of the pictures that the linear layers see
	vggHidden = 4096 // outputs of the linear layers
)

// vgg is VGG16 with the names of torchvision. Its features are the last outputs of stages two to five, conv2_2 to conv5_3.
type vgg struct {
	b      builder
	stages [][]numbered
	dense  []*nn.Linear // nil until they are needed: they have nine tenths of the weights, and detectors don't use them
}

// numbered is a convolution with its place among the layers, which its name has.
type numbered struct {
	*nn.Conv2d
	place int
}

func vggs() []architecture {
	return []architecture{{
		name: "vgg16", title: "VGG16", widths: []int{128, 256, 512, 512}, strides: []int{2, 4, 8, 16}, features: vggHidden,
		normalization: imageNet, published: "vgg16-397923af.pth of torchvision",
		is: func(f *safetensors.File) bool { // without batch normalization, and with three convolutions in the last stages
			return shaped(f, "features.28.weight", 512, 512, 3, 3) && shaped(f, "features.24.weight", 512, 512, 3, 3)
		},
		build: newVGG16,
	}}
}

func newVGG16(b builder) network {
	m := &vgg{b: b}
	in, place := 3, 0
	for _, s := range vggStages {
		var stage []numbered
		for range s.convolutions {
			o := tensor.StridePad(1, 1)
			o.Act = tensor.ReLU
			conv := &nn.Conv2d{Weight: nn.Constant(b.device, 0, 3, 3, in, s.out), Bias: nn.Constant(b.device, 0, s.out), Options: o}
			stage = append(stage, numbered{conv, place})
			in, place = s.out, place+2 // ReLU follows
		}
		m.stages = append(m.stages, stage)
		place++ // pooling
	}
	return m
}

// vggPool halves pictures; odd sides are rounded up, as in the trunk of SSD.
func vggPool(x *tensor.Tensor) *tensor.Tensor {
	o := tensor.Pool(2, 2, 0)
	o.Ceil = true
	return x.MaxPool2d(o)
}

func (m *vgg) features(x *tensor.Tensor) (all []*tensor.Tensor) {
	for i, stage := range m.stages {
		if i > 0 {
			x = vggPool(x)
		}
		for _, conv := range stage {
			x = conv.Forward(x)
		}
		if i > 0 {
			all = append(all, x)
		}
	}
	return all
}

// classifier returns the linear layers.
func (m *vgg) classifier() []*nn.Linear {
	if m.dense == nil {
		in := vggSide * vggSide * vggStages[len(vggStages)-1].out
		m.dense = []*nn.Linear{
			m.b.linear(in, vggHidden, tensor.ReLU), m.b.linear(vggHidden, vggHidden, tensor.ReLU), m.b.linear(vggHidden, classes, tensor.Identity),
		}
	}
	return m.dense
}

func (m *vgg) pooled(deepest *tensor.Tensor) *tensor.Tensor {
	x := vggPool(deepest).AdaptiveAvgPool2d(vggSide, vggSide) // [N, 7, 7, 512]
	x = x.Permute(0, 3, 1, 2).Reshape(x.Dim(0), -1)           // [N, 512·7·7], in the order of torchvision
	dense := m.classifier()
	return dense[1].Forward(dense[0].Forward(x))
}

func (m *vgg) logits(pooled *tensor.Tensor) *tensor.Tensor { return m.classifier()[2].Forward(pooled) }

func (m *vgg) visit(path string, last part, f func(nn.Param)) {
	for i, stage := range m.stages {
		if last < head && i > int(last) { // the first of the features is that of the second stage
			return
		}
		for _, conv := range stage {
			conv.Visit(nn.Join(path, fmt.Sprintf("features.%d", conv.place)), f)
		}
	}
	for i, place := range []int{0, 3, 6} { // ReLU and dropout lie between
		if last < head || i == 2 && last < classifier {
			return
		}
		m.classifier()[i].Visit(nn.Join(path, fmt.Sprintf("classifier.%d", place)), f)
	}
}
