package backbone

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/tensor"
)

// seReduction is the number of channels for each channel between the layers of squeeze-and-excitation.
const seReduction = 16

// seNets are residual networks with squeeze-and-excitation (Hu et al., 2018): SE-ResNet, SE-ResNeXt and SENet-154. Names and weights
// are those of Cadene's pretrained-models.pytorch, which timm publishes as legacy_se*. SE-ResNet 18 and 34 are timm's own.
func seNets() (all []architecture) {
	for _, s := range []residualSpec{
		{name: "seresnet18", title: "SE-ResNet-18", published: "seresnet18-4bb0ce65.pth", blocks: [4]int{2, 2, 2, 2}, basic: true},
		{name: "seresnet34", title: "SE-ResNet-34", published: "seresnet34-a4004e63.pth", blocks: [4]int{3, 4, 6, 3}, basic: true},
		{name: "seresnet50", title: "SE-ResNet-50", published: "se_resnet50-ce0d4300.pth", blocks: [4]int{3, 4, 6, 3}},
		{name: "seresnet101", title: "SE-ResNet-101", published: "se_resnet101-7e38fcc6.pth", blocks: [4]int{3, 4, 23, 3}},
		{name: "seresnet152", title: "SE-ResNet-152", published: "se_resnet152-d17c99b7.pth", blocks: [4]int{3, 8, 36, 3}},
		{
			name: "seresnext50_32x4d", title: "SE-ResNeXt-50 32×4d", published: "se_resnext50_32x4d-a260b3a4.pth",
			blocks: [4]int{3, 4, 6, 3}, groups: 32, width: 4,
		},
		{
			name: "seresnext101_32x4d", title: "SE-ResNeXt-101 32×4d", published: "se_resnext101_32x4d-3b2fe3d8.pth",
			blocks: [4]int{3, 4, 23, 3}, groups: 32, width: 4,
		},
		{
			name: "senet154", title: "SENet-154", published: "senet154-c7b49a05.pth",
			blocks: [4]int{3, 8, 36, 3}, groups: 64, width: 4, halved: true,
		},
	} {
		if s.basic {
			s.published += " of timm's legacy_" + s.name
		} else {
			s.published += " of pretrainedmodels (legacy_" + s.name + " of timm)"
		}
		all = append(all, s.architecture("layer0.conv1.weight", "last_linear.weight", s.seNet))
	}
	return all
}

// seNet builds the network.
func (s residualSpec) seNet(b builder) network {
	m := &resNet{pool: tensor.Pool(3, 2, 0), fcPath: "last_linear"}
	m.pool.Ceil = true
	stem := func(u *unit) {
		n := len(m.stem) + 1
		m.stem = append(m.stem, u.centred().named(fmt.Sprintf("layer0.conv%d", n), fmt.Sprintf("layer0.bn%d", n)))
	}
	in := 64
	if s.halved {
		in = 128
		stem(b.conv(3, 64, 3, 2, relu))
		stem(b.conv(64, 64, 3, 1, relu))
		stem(b.conv(64, in, 3, 1, relu))
	} else {
		stem(b.conv(3, in, 7, 2, relu))
	}
	for stage, n := range s.blocks {
		out, stride := s.out(stage), min(stage+1, 2)
		for i := range n {
			block := s.seBlock(b, stage, in, stride)
			block.path = residualPath(stage, i)
			block.squeeze = b.excitation("se_module", out, out/seReduction, relu)
			if in != out || stride > 1 {
				kernel := 1
				if s.halved && stride > 1 {
					kernel = 3
				}
				block.across(b.conv(in, out, kernel, stride, linear).centred())
			}
			m.stages[stage] = append(m.stages[stage], block)
			in, stride = out, 1
		}
	}
	m.fc = b.linear(in, classes, tensor.Identity)
	return m
}

// seBlock returns the convolutions of a block. Of bottlenecks without groups, the first of them has the stride, as in Caffe. Basic blocks
// have a ReLU before squeeze-and-excitation, too, as timm's have.
func (s residualSpec) seBlock(b builder, stage, in, stride int) *residual {
	block, between, out := &residual{}, s.between(stage), s.out(stage)
	if s.basic {
		block.then(b.conv(in, between, 3, stride, relu).centred())
		block.then(b.conv(between, out, 3, 1, relu).centred())
		return block
	}
	first := 1
	if s.groups == 0 {
		first, stride = stride, 1
	}
	narrow := between
	if s.halved {
		narrow = between / 2
	}
	block.then(b.conv(in, narrow, 1, first, relu))
	block.then(b.grouped(narrow, between, 3, stride, max(s.groups, 1), relu).centred())
	block.then(b.conv(between, out, 1, 1, linear))
	return block
}
