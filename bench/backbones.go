package bench

import (
	"fmt"
	"math"

	"github.com/bestiary-ml/bestiary/backbone"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// peerBackbones are the networks of package backbone that torchvision has, too.
var peerBackbones = []string{
	"vgg16", "resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "resnext50_32x4d", "resnext101_32x8d", "mobilenet_v2",
	"efficientnet_b0", "efficientnet_b1", "efficientnet_b2", "efficientnet_b3", "efficientnet_b4", "efficientnet_b5", "efficientnet_b6", "efficientnet_b7",
}

// backbones returns the features of one picture by networks of package backbone, in the sizes of classification and of detection.
func backbones() (all []workload) {
	for _, net := range peerBackbones {
		for _, size := range []int{224, 512} {
			all = append(all, extractFeatures(fmt.Sprintf("backbone/features/%s-%d", net, size), net, size))
		}
	}
	return all
}

// extractFeatures computes the features of a picture of noise at all strides, with random weights that are frozen.
func extractFeatures(name, net string, size int) workload {
	return workload{name: name, items: 1, prepare: func(d *tensor.Device) (func() error, error) {
		g := tensor.NewGenerator(1)
		b, err := backbone.New(d, net)
		if err != nil {
			return nil, err
		}
		b.VisitStages("", func(p nn.Param) { // not of the classifier, which is larger than the rest of VGG16
			if p.Tensor.Rank() == 4 {
				s := d.Scratch()
				defer s.End()
				fan := p.Tensor.Len() / p.Tensor.Dim(-1)
				p.Tensor.Set(g.Normal(d, p.Tensor.Shape()...).Scale(math.Sqrt(2 / float64(fan))).Values())
			}
		})
		b.Freeze()
		x := noise(g, d, 1, size)
		var values []float32
		return func() error {
			s := d.Scratch()
			defer s.End()
			features := b.Features(x)
			deepest := features[len(features)-1]
			if values == nil {
				values = make([]float32, deepest.Len())
			}
			deepest.CopyTo(values)
			return nil
		}, nil
	}}
}
