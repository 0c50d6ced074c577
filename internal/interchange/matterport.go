package interchange

import (
	"fmt"
	"strings"

	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/maskrcnn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Layers of matterport's Mask_RCNN by which its sizes are known.
const (
	matterportNested  = "rpn_model" // a model within the model
	matterportClasses = "mrcnn_class_logits/kernel"
	matterportAnchors = 3 // at a place
	matterportOrigin  = "matterport's Mask_RCNN"
)

// describeMatterport reads the sizes of a Mask R-CNN from the shapes of a file of Keras. The sizes of pictures are no part of it: they are
// those of the model that was trained on COCO.
func (c *Checkpoint) describeMatterport() error {
	s := c.source
	for _, name := range []string{matterportClasses, "rpn_conv_shared/kernel", "res2a_branch2a/kernel", "fpn_c5p5/kernel", "mrcnn_mask/kernel"} {
		if _, ok := s.shape(name); !ok {
			return fmt.Errorf("is a file of Keras without a layer %q, so it holds no Mask R-CNN of matterport's with ResNet-50 or 101; name the .h5 of one", strings.Split(name, "/")[0])
		}
	}
	size := func(name string, dimension int) int {
		shape, _ := s.shape(name)
		if dimension >= len(shape) {
			return 0
		}
		return shape[dimension]
	}
	network := "resnet50"
	if _, ok := s.shape("res4w_branch2a/kernel"); ok {
		network = "resnet101"
	}
	config := maskrcnn.Matterport(network, size(matterportClasses, 1)-1)
	config.Width, config.ProposalWidth = size("fpn_c5p5/kernel", 3), size("rpn_conv_shared/kernel", 3)
	config.HeadWidth, config.MaskWidth = size("mrcnn_class_conv1/kernel", 3), size("mrcnn_mask_conv1/kernel", 3)
	config.Boxes.Size = size("mrcnn_class_conv1/kernel", 0)
	if err := config.Validate(); err != nil {
		return fmt.Errorf("describes a Mask R-CNN of sizes that are not allowed (%v); name the .h5 of one with ResNet-50 or 101", err)
	}
	known := map[string]bool{}
	for _, l := range matterportLayers(config) {
		for name, shape := range l.weights() {
			if err := s.expectOf(name, "the other layers", shape...); err != nil {
				return err
			}
			known[name] = true
		}
	}
	for _, name := range s.names() {
		if !known[name] {
			return fmt.Errorf("holds %.80q, which %s with %s doesn't have; name the .h5 of one", name, matterportOrigin, network)
		}
	}
	c.MaskRCNN, c.Origin = &config, matterportOrigin
	return nil
}

// matterport builds the detector.
func (s *source) matterport(d *tensor.Device, config maskrcnn.Config) (*maskrcnn.Model, error) {
	m, err := maskrcnn.New(d, config, tensor.NewGenerator(0))
	if err != nil {
		return nil, damaged(s.path, err)
	}
	var all []safetensors.Tensor
	for _, l := range matterportLayers(config) {
		weight, bias, err := l.translate(s)
		if err != nil {
			return nil, damaged(s.path, err)
		}
		all = append(all, weight, bias)
	}
	return m, weights.Load(m, safetensors.NewFile(s.path, all, nil), "")
}

// matterportLayers are the layers of the program in terms of those of package maskrcnn.
func matterportLayers(c maskrcnn.Config) (all []kerasLayer) {
	conv := func(layer, norm, path string, side, in, out int) {
		all = append(all, kerasLayer{name: layer, norm: norm, path: path, kernel: []int{side, side, in, out}})
	}
	residual := func(block, part, path string, side, in, out int) {
		conv("res"+block+"_branch"+part, "bn"+block+"_branch"+part, path, side, in, out)
	}
	const body = "backbone.body."
	conv("conv1", "bn_conv1", body+"conv1", 7, 3, 64)
	in := 64
	for stage, n := range [4]int{3, 4, 6, 3} {
		if stage == 2 && c.Backbone == "resnet101" {
			n = 23
		}
		between, out := 64<<stage, 256<<stage
		for i := range n {
			block, path := fmt.Sprintf("%d%c", stage+2, 'a'+i), fmt.Sprintf("%slayer%d.%d.", body, stage+1, i)
			residual(block, "2a", path+"conv1", 1, in, between)
			residual(block, "2b", path+"conv2", 3, between, between)
			residual(block, "2c", path+"conv3", 1, between, out)
			if i == 0 {
				residual(block, "1", path+"downsample.0", 1, in, out)
			}
			in = out
		}
		level := stage + 2
		conv(fmt.Sprintf("fpn_c%dp%d", level, level), "", fmt.Sprintf("backbone.fpn.inner_blocks.%d.0", stage), 1, out, c.Width)
		conv(fmt.Sprintf("fpn_p%d", level), "", fmt.Sprintf("backbone.fpn.layer_blocks.%d.0", stage), 3, c.Width, c.Width)
	}
	conv("rpn_conv_shared", "", "rpn.head.conv.0.0", 3, c.Width, c.ProposalWidth)
	all = append(all,
		kerasLayer{name: "rpn_class_raw", path: "rpn.head.cls_logits", kernel: []int{1, 1, c.ProposalWidth, 2 * matterportAnchors}, columns: differences(matterportAnchors)},
		kerasLayer{name: "rpn_bbox_pred", path: "rpn.head.bbox_pred", kernel: []int{1, 1, c.ProposalWidth, 4 * matterportAnchors}, columns: codes(matterportAnchors, 0.1, 0.2)},
		kerasLayer{name: "mrcnn_class_conv1", norm: "mrcnn_class_bn1", path: "roi_heads.box_head.fc6", kernel: []int{c.Boxes.Size, c.Boxes.Size, c.Width, c.HeadWidth}, linear: true},
		kerasLayer{name: "mrcnn_class_conv2", norm: "mrcnn_class_bn2", path: "roi_heads.box_head.fc7", kernel: []int{1, 1, c.HeadWidth, c.HeadWidth}, linear: true},
		kerasLayer{name: "mrcnn_class_logits", path: "roi_heads.box_predictor.cls_score", kernel: []int{c.HeadWidth, c.Classes + 1}, linear: true},
		kerasLayer{name: "mrcnn_bbox_fc", path: "roi_heads.box_predictor.bbox_pred", kernel: []int{c.HeadWidth, 4 * (c.Classes + 1)}, linear: true, columns: codes(c.Classes+1, 1, 1)},
	)
	in = c.Width
	for i := range 4 {
		conv(fmt.Sprintf("mrcnn_mask_conv%d", i+1), fmt.Sprintf("mrcnn_mask_bn%d", i+1), fmt.Sprintf("roi_heads.mask_head.%d.0", i), 3, in, c.MaskWidth)
		in = c.MaskWidth
	}
	conv("mrcnn_mask_deconv", "", "roi_heads.mask_predictor.conv5_mask", 2, c.MaskWidth, c.MaskWidth) // its kernel is [KH, KW, out, in]
	conv("mrcnn_mask", "", "roi_heads.mask_predictor.mask_fcn_logits", 1, c.MaskWidth, c.Classes+1)
	return all
}

// differences makes of the logits of background and object the logit of an object: a softmax of two is the sigmoid of their difference.
func differences(n int) (columns [][]term) {
	for i := range n {
		columns = append(columns, []term{{2*i + 1, 1}, {2 * i, -1}})
	}
	return columns
}

// codes makes of the codes (dy, dx, dh, dw) of n boxes those of this program (dx, dy, dw, dh), times the deviations of places and sides.
func codes(n int, places, sides float64) (columns [][]term) {
	for i := range n {
		columns = append(columns, []term{{4*i + 1, places}}, []term{{4 * i, places}}, []term{{4*i + 3, sides}}, []term{{4*i + 2, sides}})
	}
	return columns
}
