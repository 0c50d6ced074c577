package interchange

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/bestiary-ml/bestiary/backbone"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/maskrcnn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// maskRoot is a name of torchvision's MaskRCNN, whose state_dict is the file: of maskrcnn_resnet50_fpn, or of one with another body.
// maskrcnn.Model has the names of torchvision 0.13 and later; see maskrcnn.TorchvisionName for older ones.
const maskRoot = "roi_heads.mask_predictor.mask_fcn_logits.bias"

// describeMaskRCNN reads the number of classes of a MaskRCNN from its mask head, and finds its backbone.
func (c *Checkpoint) describeMaskRCNN() error {
	shape, _ := c.source.shape(maskRoot)
	if len(shape) != 1 || shape[0] < 2 {
		return fmt.Errorf("has %q with shape %v, where torchvision's MaskRCNN has the background and one class or more; name a state_dict of that model", maskRoot, shape)
	}
	classes := shape[0]
	name := c.source.maskBackbone()
	if name == "" {
		return fmt.Errorf("has a Mask R-CNN whose backbone is none of those of this program; name a state_dict of maskrcnn_resnet50_fpn, or with one of %s", strings.Join(backbone.Names(), ", "))
	}
	config := maskrcnn.Torchvision(name, classes-1)
	config.Pretrained = true // its batch normalization is frozen
	if err := config.Validate(); err != nil {
		return fmt.Errorf("describes a Mask R-CNN of sizes that are not allowed (%v); name a state_dict of maskrcnn_resnet50_fpn", err)
	}
	for name, want := range map[string][]int{
		"rpn.head.bbox_pred.weight":     {12, 256, 1, 1},
		"roi_heads.box_head.fc6.weight": {1024, 256 * 7 * 7}, "roi_heads.box_predictor.cls_score.weight": {classes, 1024},
		"roi_heads.box_predictor.bbox_pred.weight": {4 * classes, 1024}, "roi_heads.mask_predictor.mask_fcn_logits.weight": {classes, 256, 1, 1},
	} {
		if err := c.source.expect(name, want...); err != nil {
			return err
		}
	}
	c.MaskRCNN, c.Origin = &config, "torchvision's MaskRCNN with the backbone "+name
	return nil
}

// maskRCNN builds the model.
func (s *source) maskRCNN(d *tensor.Device, config maskrcnn.Config) (*maskrcnn.Model, error) {
	if s.keras {
		return s.matterport(d, config)
	}
	m, err := maskrcnn.New(d, config, tensor.NewGenerator(0))
	if err != nil {
		return nil, damaged(s.path, err)
	}
	f, err := s.file("")
	if err != nil {
		return nil, err
	}
	rename := func(name string) string { return ownFeatures(maskrcnn.TorchvisionName(name)) }
	if f, err = weights.Renamed(f, m, rename); err != nil {
		return nil, err
	}
	return m, weights.Load(m, f, "")
}

// exportMaskRCNN returns the state_dict of torchvision's MaskRCNN.
func exportMaskRCNN(m *maskrcnn.Model) (*export, error) {
	c := m.Config()
	want := maskrcnn.Torchvision(c.Backbone, c.Classes)
	if c.Conventions != want.Conventions || c.Width != want.Width || c.HeadWidth != want.HeadWidth || c.MaskWidth != want.MaskWidth ||
		c.ProposalWidth != want.ProposalWidth || c.Boxes.Size != want.Boxes.Size || c.MaskSize != want.MaskSize || !reflect.DeepEqual(c.Anchors, want.Anchors) {
		return nil, fmt.Errorf("its Mask R-CNN has the widths %d, %d and %d, and torchvision's has %d, %d and %d, with anchors and heads of its own; export one of these",
			c.Width, c.HeadWidth, c.MaskWidth, want.Width, want.HeadWidth, want.MaskWidth)
	}
	e := bareState(m)
	for i := range e.weights {
		e.weights[i].name = bareFeatures(e.weights[i].name)
	}
	return e, nil
}
