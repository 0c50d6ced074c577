package bench

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/data/boxes"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/ssd"
	"github.com/bestiary-ml/bestiary/tensor"
)

// vocClasses is the number of classes of Pascal VOC.
const vocClasses = 20

// detectors returns detections and training steps of SSD300 with random weights. The peer is torchvision's ssd300_vgg16.
func detectors() (all []workload) {
	for _, n := range []int{1, 8} {
		all = append(all, detectWith(fmt.Sprintf("ssd/detect/300px-vgg16-b%d", n), n))
	}
	return append(all, trainDetector("ssd/train/300px-vgg16-b8", 8))
}

// detectWith finds objects in n pictures of noise. Random weights find the most boxes that non-maximum suppression may get.
func detectWith(name string, n int) workload {
	return workload{name: name, items: n, prepare: func(d *tensor.Device) (func() error, error) {
		g := tensor.NewGenerator(1)
		model, err := ssd.New(d, ssd.VOC(ssd.VGG16, 300, vocClasses), g)
		if err != nil {
			return nil, err
		}
		nn.Freeze(model)
		x := noise(g, d, n, 300)
		return func() error {
			s := d.Scratch()
			defer s.End()
			if found := model.Detect(x); len(found) != n {
				return fmt.Errorf("%d pictures of %d", len(found), n)
			}
			return nil
		}, nil
	}}
}

// trainDetector is a training step with three objects in each picture.
func trainDetector(name string, batch int) workload {
	return workload{name: name, items: batch, prepare: func(d *tensor.Device) (func() error, error) {
		g := tensor.NewGenerator(1)
		model, err := ssd.New(d, ssd.VOC(ssd.VGG16, 300, vocClasses), g)
		if err != nil {
			return nil, err
		}
		objects := make([][]boxes.Object, batch)
		for i := range objects {
			for k := range 3 {
				left := float64(20 + 10*i + 60*k)
				objects[i] = append(objects[i], boxes.Object{Class: (i + k) % vocClasses, Box: boxes.FromSize(left, 80, 60+20*float64(k), 120)})
			}
		}
		x := noise(g, d, batch, 300)
		return training(d, model, func() *tensor.Tensor {
			loss, _ := model.Loss(x, objects)
			return loss
		}), nil
	}}
}
