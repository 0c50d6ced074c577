package bench

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/backbone"
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
		b, err := backbone.NewRandom(d, net, g)
		if err != nil {
			return nil, err
		}
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
