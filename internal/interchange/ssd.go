package interchange

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/bestiary-ml/bestiary/internal/torchfile"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/ssd"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Names of torchvision's ssd300_vgg16, whose state_dict is the file. ssd.Model has the same.
const (
	ssdRoot  = "backbone.scale_weight"
	ssdHead  = "head.classification_head.module_list.0.bias"
	ssdBoxes = 4 // boxes a place of the first feature map
)

// describeSSD reads the number of classes of a ssd300_vgg16 from its first head.
func (c *Checkpoint) describeSSD() error {
	shape, ok := c.source.shape(ssdHead)
	if !ok || len(shape) != 1 || shape[0]%ssdBoxes != 0 || shape[0] < 2*ssdBoxes {
		return fmt.Errorf("has %q with shape %v, which is no multiple of the %d boxes a place of ssd300_vgg16; name a state_dict of that detector", ssdHead, shape, ssdBoxes)
	}
	config := ssd.Torchvision(shape[0]/ssdBoxes - 1)
	if err := config.Validate(); err != nil {
		return fmt.Errorf("describes a detector of sizes that are not allowed (%v); name a state_dict of ssd300_vgg16", err)
	}
	for name, want := range map[string][]int{
		ssdRoot: {512}, "backbone.features.21.weight": {512, 512, 3, 3}, "backbone.extra.0.7.1.weight": {1024, 512, 3, 3},
		"backbone.extra.0.7.3.weight": {1024, 1024, 1, 1}, "backbone.extra.4.2.weight": {256, 128, 3, 3},
	} {
		if err := c.source.expect(name, want...); err != nil {
			return err
		}
	}
	for k, boxes := range config.Priors.PerPlace() {
		width := []int{512, 1024, 512, 256, 256, 256}[k]
		if err := c.source.expect(fmt.Sprintf("head.classification_head.module_list.%d.weight", k), boxes*(config.Classes+1), width, 3, 3); err != nil {
			return err
		}
	}
	c.SSD, c.Origin = &config, "torchvision's ssd300_vgg16"
	return nil
}

// ssd builds the detector.
func (s *source) ssd(d *tensor.Device, config ssd.Config) (*ssd.Model, error) {
	m, err := ssd.New(d, config, tensor.NewGenerator(0))
	if err != nil {
		return nil, damaged(s.path, err)
	}
	f, err := s.file("")
	if err != nil {
		return nil, err
	}
	return m, weights.Load(m, f, "")
}

// exportSSD returns the state_dict of ssd300_vgg16.
func exportSSD(m *ssd.Model) (*export, error) {
	c := m.Config()
	want := ssd.Torchvision(c.Classes)
	if c.Backbone != want.Backbone || c.ImageSize != want.ImageSize || !reflect.DeepEqual(c.Priors.PerPlace(), want.Priors.PerPlace()) {
		return nil, fmt.Errorf("its detector has the Backbone %s, pictures of %d pixels and %v boxes a place, and torchvision's ssd300_vgg16 has %s, %d and %v; export one of these",
			c.Backbone, c.ImageSize, c.Priors.PerPlace(), want.Backbone, want.ImageSize, want.Priors.PerPlace())
	}
	return bareState(m), nil
}

// bareState returns the weights of a module whose names are those of the other program, as a state_dict.
func bareState(m nn.Module) *export {
	e := &export{bare: true, sections: torchfile.NewDict()}
	for _, t := range weights.Of(m) {
		e.weights = append(e.weights, stateTensor{t.Name, &t})
	}
	return e
}

// SSDCall returns the call in Python that makes the detector for an exported state_dict: other default boxes than those of COCO are
// no part of it.
func SSDCall(c ssd.Config) string {
	call := fmt.Sprintf("torchvision.models.detection.ssd300_vgg16(weights=None, weights_backbone=None, num_classes=%d)", c.Classes+1)
	if reflect.DeepEqual(c.Priors, ssd.Torchvision(c.Classes).Priors) {
		return call
	}
	list := func(v any) string { return strings.ReplaceAll(fmt.Sprint(v), " ", ", ") }
	return call + fmt.Sprintf(" with the anchor_generator DefaultBoxGenerator(%s, scales=%s, steps=%s)",
		list(c.Priors.AspectRatios), list(c.Priors.Scales), strings.Replace(list(c.Priors.Steps), "[]", "None", 1))
}
