package backbone

import (
	"slices"

	"github.com/bestiary-ml/bestiary/internal/safetensors"
)

// architecture is a network with weights that somebody published.
type architecture struct {
	name, title   string
	widths        []int // of the features
	strides       []int // of the features
	features      int   // pooled
	normalization normalization
	published     string                         // name of the file with the weights, for messages
	is            func(f *safetensors.File) bool // whether a file of the whole network is of this one
	stages        func(f *safetensors.File) bool // the same of a file of the stages only; nil: is tells, too
	build         func(b builder) network
}

// architectures are all that there are. The first one is the example of messages: its file is small, and comes with a package.
var architectures = slices.Concat([]architecture{efficientNetLite0()}, vggs(), resNets(), seNets(), mobileNets(), efficientNets())

// quarters are the strides of networks whose first stage has a quarter of the picture's resolution.
var quarters = []int{4, 8, 16, 32}

// normalization is what a network's pictures had when it was trained: (v − mean)/deviation of each channel, for v from 0 to 1.
type normalization struct{ mean, deviation [3]float64 }

// lite is the normalization of EfficientNet-Lite, (v − 127)/128 of bytes.
var lite = normalization{
	mean:      [3]float64{127. / 255, 127. / 255, 127. / 255},
	deviation: [3]float64{128. / 255, 128. / 255, 128. / 255},
}

// imageNet is the normalization of torchvision: mean and deviation of the channels of ImageNet's pictures.
var imageNet = normalization{mean: [3]float64{0.485, 0.456, 0.406}, deviation: [3]float64{0.229, 0.224, 0.225}}

// ImageNet returns the mean and the standard deviation of the channels of ImageNet's pictures, for values from 0 to 1, as torchvision has
// them.
func ImageNet() (mean, deviation [3]float64) { return imageNet.mean, imageNet.deviation }

// half is the normalization of Inception and of timm's MobileNets: values from −1 to 1.
var half = normalization{mean: [3]float64{0.5, 0.5, 0.5}, deviation: [3]float64{0.5, 0.5, 0.5}}

// of returns scale and shift that do the same to values from −1 to 1.
func (n normalization) of() (scale, shift []float32) {
	for c := range n.mean {
		scale = append(scale, float32(0.5/n.deviation[c]))
		shift = append(shift, float32((0.5-n.mean[c])/n.deviation[c]))
	}
	return scale, shift
}
