package bench

import (
	"fmt"
	"math"

	"github.com/bestiary-ml/bestiary/backbone"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// backbones returns the features of one picture by networks of package backbone, in the sizes of classification and of detection. The
// peer has the networks of torchvision.
func backbones() (all []workload) {
	for _, net := range []string{"vgg16", "resnet50", "mobilenet_v2", "efficientnet_b0"} {
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
