package interchange

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/maskrcnn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// maskRCNNHead is a name of a state_dict of torchvision's maskrcnn_resnet50_fpn: what predicts the masks of each class.
const maskRCNNHead = "roi_heads.mask_predictor.mask_fcn_logits.bias"

// describeMaskRCNN reads the number of classes of a maskrcnn_resnet50_fpn from its masks.
func (c *Checkpoint) describeMaskRCNN() error {
	const origin = "torchvision's maskrcnn_resnet50_fpn"
	if classes, is := maskrcnn.Classes(c.source.shape); is {
		config := maskrcnn.Torchvision("", classes)
		config.Pretrained = true
		if err := config.Validate(); err != nil {
			return fmt.Errorf("describes a detector of sizes that are not allowed (%v); name a state_dict of %s", err, origin)
		}
		c.MaskRCNN, c.Origin = &config, origin
		return nil
	}
	return fmt.Errorf("holds a Mask R-CNN with another backbone than %s has; name a state_dict of it", origin)
}

// maskRCNN builds the detector.
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
