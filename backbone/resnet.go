package backbone

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// residualSpec says how a network of residual blocks is built.
type residualSpec struct {
	name, title, published string

	blocks [4]int // of each stage
	basic  bool   // blocks have two 3×3 convolutions (ResNet 18 and 34), otherwise bottlenecks: 1×1, 3×3 and 1×1
	groups int    // of the 3×3 convolution of bottlenecks; 0 is 1
	width  int    // channels of a group in the first stage; they double from stage to stage
	halved bool   // the 3×3 convolution doubles the channels, and the stem has three convolutions (SENet-154)
}

// resNets are ResNet 18 to 152 (He et al., 2016) and ResNeXt (Xie et al., 2017) with the names and weights of torchvision. ResNeXt-101
// 32×4d, which torchvision lacks, has those of timm.
func resNets() (all []architecture) {
	for _, s := range []residualSpec{
		{name: "resnet18", title: "ResNet-18", published: "resnet18-f37072fd.pth of torchvision", blocks: [4]int{2, 2, 2, 2}, basic: true},
		{name: "resnet34", title: "ResNet-34", published: "resnet34-b627a593.pth of torchvision", blocks: [4]int{3, 4, 6, 3}, basic: true},
		{name: "resnet50", title: "ResNet-50", published: "resnet50-11ad3fa6.pth of torchvision", blocks: [4]int{3, 4, 6, 3}},
		{name: "resnet101", title: "ResNet-101", published: "resnet101-cd907fc2.pth of torchvision", blocks: [4]int{3, 4, 23, 3}},
		{name: "resnet152", title: "ResNet-152", published: "resnet152-f82ba261.pth of torchvision", blocks: [4]int{3, 8, 36, 3}},
		{
			name: "resnext50_32x4d", title: "ResNeXt-50 32×4d", published: "resnext50_32x4d-1a0047aa.pth of torchvision",
			blocks: [4]int{3, 4, 6, 3}, groups: 32, width: 4,
		},
		{
			name: "resnext101_32x8d", title: "ResNeXt-101 32×8d", published: "resnext101_32x8d-110c445d.pth of torchvision",
			blocks: [4]int{3, 4, 23, 3}, groups: 32, width: 8,
		},
		{
			name: "resnext101_32x4d", title: "ResNeXt-101 32×4d", published: "gluon_resnext101_32x4d-b253c8c4.pth of timm",
			blocks: [4]int{3, 4, 23, 3}, groups: 32, width: 4,
		},
	} {
		all = append(all, s.architecture("conv1.weight", "fc.weight", s.resNet))
	}
	return all
}

// architecture is that of a network with these names of the first and the last parameter.
func (s residualSpec) architecture(first, last string, build func(builder) network) architecture {
	stages := func(f *safetensors.File) bool { return s.is(f) && f.Has(first) }
	a := architecture{
		name: s.name, title: s.title, strides: quarters, normalization: imageNet, published: s.published, build: build,
		is:     func(f *safetensors.File) bool { return stages(f) && f.Has(last) },
		stages: stages,
	}
	for stage := range s.blocks {
		a.widths = append(a.widths, s.out(stage))
	}
	a.features = a.widths[len(a.widths)-1]
	return a
}

// between is the number of channels of the 3×3 convolutions of a stage.
func (s residualSpec) between(stage int) int {
	if s.groups > 1 {
		return s.groups * s.width << stage
	}
	return 64 << stage
}

// out is the number of channels of a stage's result.
func (s residualSpec) out(stage int) int {
	if s.basic {
		return 64 << stage
	}
	return 256 << stage
}

// is reports whether a file has as many blocks in each stage, with the same 3×3 convolutions.
func (s residualSpec) is(f *safetensors.File) bool {
	for stage, n := range s.blocks {
		if !f.Has(residualPath(stage, n-1)+".conv1.weight") || f.Has(residualPath(stage, n)+".conv1.weight") {
			return false
		}
	}
	first, in := residualPath(0, 0), s.between(0)/max(s.groups, 1)
	if s.halved {
		in /= 2
	}
	return f.Has(first+".conv3.weight") != s.basic && shaped(f, first+".conv2.weight", s.between(0), in, 3, 3)
}

// residualPath is the path of a block of a stage, both counted from 0.
func residualPath(stage, i int) string { return fmt.Sprintf("layer%d.%d", stage+1, i) }

// resNet builds the network with a stem of a 7×7 convolution.
func (s residualSpec) resNet(b builder) network {
	m := &resNet{stem: []named{b.conv(3, 64, 7, 2, relu).centred().named("conv1", "bn1")}, pool: tensor.Pool(3, 2, 1), fcPath: "fc"}
	in := 64
	for stage, n := range s.blocks {
		between, out, stride := s.between(stage), s.out(stage), min(stage+1, 2)
		for i := range n {
			block := &residual{path: residualPath(stage, i)}
			if s.basic {
				block.then(b.conv(in, between, 3, stride, relu).centred())
				block.then(b.conv(between, out, 3, 1, linear).centred())
			} else {
				block.then(b.conv(in, between, 1, 1, relu))
				block.then(b.grouped(between, between, 3, stride, max(s.groups, 1), relu).centred())
				block.then(b.conv(between, out, 1, 1, linear))
			}
			if in != out || stride > 1 {
				block.across(b.conv(in, out, 1, stride, linear))
			}
			m.stages[stage] = append(m.stages[stage], block)
			in, stride = out, 1
		}
	}
	m.fc = b.linear(in, classes, tensor.Identity)
	return m
}

// resNet is a stem that reduces the picture to a quarter, and four stages of residual blocks.
type resNet struct {
	stem   []named
	pool   tensor.PoolOptions // after the stem
	stages [4][]*residual
	fc     *nn.Linear
	fcPath string
}

func (m *resNet) features(x *tensor.Tensor) (all []*tensor.Tensor) {
	for _, u := range m.stem {
		x = u.forward(x) // [N, S/2, S/2, 64 or 128]
	}
	x = x.MaxPool2d(m.pool) // [N, S/4, S/4, 64 or 128]
	for _, stage := range m.stages {
		for _, block := range stage {
			x = block.forward(x)
		}
		all = append(all, x)
	}
	return all
}

func (m *resNet) pooled(deepest *tensor.Tensor) *tensor.Tensor { return average(deepest) }

func (m *resNet) logits(pooled *tensor.Tensor) *tensor.Tensor { return m.fc.Forward(pooled) }

func (m *resNet) visit(path string, last part, f func(nn.Param)) {
	for _, u := range m.stem {
		u.visitNamed(path, f)
	}
	for i, stage := range m.stages {
		if i < int(last) {
			for _, block := range stage {
				block.visit(path, f)
			}
		}
	}
	if last == classifier {
		m.fc.Visit(nn.Join(path, m.fcPath), f)
	}
}

// residual is a block that adds the result of convolutions to its input, [N, H, W, in] → [N, H/stride, W/stride, out].
type residual struct {
	path     string
	units    []named
	squeeze  *excitation // nil: none
	shortcut *named      // nil: the input itself
}

// then appends a unit under its name.
func (m *residual) then(u *unit) {
	n := len(m.units) + 1
	m.units = append(m.units, u.named(fmt.Sprintf("conv%d", n), fmt.Sprintf("bn%d", n)))
}

// across sets the shortcut.
func (m *residual) across(u *unit) {
	shortcut := u.inSequence("downsample")
	m.shortcut = &shortcut
}

func (m *residual) forward(x *tensor.Tensor) *tensor.Tensor {
	y := x
	for _, u := range m.units {
		y = u.forward(y)
	}
	if m.squeeze != nil {
		y = m.squeeze.forward(y)
	}
	if m.shortcut != nil {
		x = m.shortcut.forward(x)
	}
	return y.Add(x).ReLU()
}

func (m *residual) visit(path string, f func(nn.Param)) {
	path = nn.Join(path, m.path)
	for _, u := range m.units {
		u.visitNamed(path, f)
	}
	if m.squeeze != nil {
		m.squeeze.visit(path, f)
	}
	if m.shortcut != nil {
		m.shortcut.visitNamed(path, f)
	}
}
