package interchange

import (
	"fmt"
	"reflect"

	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/maskrcnn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// maskRoot is a name of torchvision's maskrcnn_resnet50_fpn, whose state_dict is the file. maskrcnn.Model has the names of torchvision
// 0.13 and later; see maskrcnn.TorchvisionName for older ones.
const maskRoot = "roi_heads.mask_predictor.mask_fcn_logits.bias"

// describeMaskRCNN reads the number of classes of a maskrcnn_resnet50_fpn from its mask head.
func (c *Checkpoint) describeMaskRCNN() error {
	shape, _ := c.source.shape(maskRoot)
	if len(shape) != 1 || shape[0] < 2 {
		return fmt.Errorf("has %q with shape %v, where maskrcnn_resnet50_fpn has the background and one class or more; name a state_dict of that model", maskRoot, shape)
	}
	classes := shape[0]
	config := maskrcnn.Torchvision("", classes-1)
	config.Pretrained = true // its batch normalization is frozen
	if err := config.Validate(); err != nil {
		return fmt.Errorf("describes a Mask R-CNN of sizes that are not allowed (%v); name a state_dict of maskrcnn_resnet50_fpn", err)
	}
	for name, want := range map[string][]int{
		"backbone.body.layer1.0.conv3.weight": {256, 64, 1, 1}, "backbone.body.layer3.5.conv3.weight": {1024, 256, 1, 1},
		"backbone.body.layer4.2.conv3.weight": {2048, 512, 1, 1}, "rpn.head.bbox_pred.weight": {12, 256, 1, 1},
		"roi_heads.box_head.fc6.weight": {1024, 256 * 7 * 7}, "roi_heads.box_predictor.cls_score.weight": {classes, 1024},
		"roi_heads.box_predictor.bbox_pred.weight": {4 * classes, 1024}, "roi_heads.mask_predictor.mask_fcn_logits.weight": {classes, 256, 1, 1},
	} {
		if err := c.source.expect(name, want...); err != nil {
			return err
		}
	}
	c.MaskRCNN, c.Origin = &config, "torchvision's maskrcnn_resnet50_fpn"
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
	if f, err = weights.Renamed(f, m, maskrcnn.TorchvisionName); err != nil {
		return nil, err
	}
	return m, weights.Load(m, f, "")
}

// exportMaskRCNN returns the state_dict of maskrcnn_resnet50_fpn.
func exportMaskRCNN(m *maskrcnn.Model) (*export, error) {
	c := m.Config()
	want := maskrcnn.Torchvision("", c.Classes)
	if c.Conventions != want.Conventions || c.Backbone != want.Backbone || c.Width != want.Width || c.HeadWidth != want.HeadWidth || c.MaskWidth != want.MaskWidth ||
		c.ProposalWidth != want.ProposalWidth || c.Boxes.Size != want.Boxes.Size || c.MaskSize != want.MaskSize || !reflect.DeepEqual(c.Anchors, want.Anchors) {
		return nil, fmt.Errorf("its Mask R-CNN has the Backbone %s and the widths %d, %d and %d, and torchvision's maskrcnn_resnet50_fpn has %s and %d, %d and %d, with anchors and heads of its own; export one of these",
			c.Backbone, c.Width, c.HeadWidth, c.MaskWidth, want.Backbone, want.Width, want.HeadWidth, want.MaskWidth)
	}
	return bareState(m), nil
}

// MaskRCNNCall returns the call in Python that makes the model for an exported state_dict.
func MaskRCNNCall(c maskrcnn.Config) string {
	return fmt.Sprintf("torchvision.models.detection.maskrcnn_resnet50_fpn(weights=None, weights_backbone=None, num_classes=%d, min_size=%d, max_size=%d)",
		c.Classes+1, c.MinSide, c.MaxSide)
}
