package backbone

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/internal/safetensors"
)

// mobileNetV2Stages are the stages of MobileNet V2 (Sandler et al., 2018, table 2).
var mobileNetV2Stages = []mobileStage{
	{1, 3, 1, 1, 16}, {2, 3, 2, 6, 24}, {3, 3, 2, 6, 32}, {4, 3, 2, 6, 64}, {3, 3, 1, 6, 96}, {3, 3, 2, 6, 160}, {1, 3, 1, 6, 320},
}

// mobileNetV1Stages are the stages of MobileNet V1 (Howard et al., 2017, table 1).
var mobileNetV1Stages = []mobileStage{{1, 3, 1, 1, 64}, {2, 3, 2, 1, 128}, {2, 3, 2, 1, 256}, {6, 3, 2, 1, 512}, {2, 3, 2, 1, 1024}}

const (
	mobileNetStem   = 32   // channels of the stem
	mobileNetV2Head = 1280 // pooled features
	mobileNetV1Out  = 1024 // pooled features: the last stage, as there is no head
)

// mobileNets are MobileNet V1 with the names and weights of timm, and MobileNet V2 with those of torchvision.
func mobileNets() []architecture {
	return []architecture{
		{
			name: "mobilenet_v1", title: "MobileNet V1", widths: []int{128, 256, 512, 1024}, strides: quarters, features: mobileNetV1Out, normalization: half,
			published: "mobilenetv1_100.ra4_e3600_r224_in1k of timm",
			is: func(f *safetensors.File) bool { // timm's other networks with these names have more stages or a head
				return f.Has("conv_stem.weight") && f.Has("blocks.0.0.conv_dw.weight") && !f.Has("blocks.5.0.bn1.weight") && !f.Has("conv_head.weight")
			},
			build: newMobileNetV1,
		},
		{
			name: "mobilenet_v2", title: "MobileNet V2", widths: []int{24, 32, 96, 320}, strides: quarters, features: mobileNetV2Head, normalization: imageNet,
			published: "mobilenet_v2-7ebf99e0.pth of torchvision",
			is:        func(f *safetensors.File) bool { return f.Has("features.1.conv.0.0.weight") },
			build:     newMobileNetV2,
		},
	}
}

func newMobileNetV2(b builder) network {
	m := &mobile{stem: b.conv(3, mobileNetStem, 3, 2, relu6).centred().inSequence("features.0")} // [N, S/2, S/2, 32]
	out := m.stack(mobileNetStem, mobileNetV2Stages, func(_, _, in, stride int, s mobileStage) *mobileBlock {
		block := &mobileBlock{path: fmt.Sprintf("features.%d", len(m.blocks)+1), skip: in == s.out && stride == 1}
		wide, next := in*s.expand, 0
		if s.expand > 1 {
			expand := b.conv(in, wide, 1, 1, relu6).inSequence("conv.0")
			block.expand = &expand
			next = 1
		}
		block.each = b.depthwise(wide, s.kernel, stride, relu6).centred().inSequence(fmt.Sprintf("conv.%d", next))
		block.project = b.conv(wide, s.out, 1, 1, linear).named(fmt.Sprintf("conv.%d", next+1), fmt.Sprintf("conv.%d", next+2))
		return block
	})
	head := b.conv(out, mobileNetV2Head, 1, 1, relu6).inSequence(fmt.Sprintf("features.%d", len(m.blocks)+1)) // [N, S/32, S/32, 1280]
	m.head = &head
	m.classifier(b, mobileNetV2Head, "classifier.1")
	return m
}

func newMobileNetV1(b builder) network {
	m := &mobile{stem: b.conv(3, mobileNetStem, 3, 2, relu6).centred().named("conv_stem", "bn1")} // [N, S/2, S/2, 32]
	out := m.stack(mobileNetStem, mobileNetV1Stages, func(at, i, in, stride int, s mobileStage) *mobileBlock {
		return &mobileBlock{
			path:    fmt.Sprintf("blocks.%d.%d", at, i),
			each:    b.depthwise(in, s.kernel, stride, relu6).centred().named("conv_dw", "bn1"),
			project: b.conv(in, s.out, 1, 1, relu6).named("conv_pw", "bn2"),
		}
	})
	m.classifier(b, out, "classifier")
	return m
}
