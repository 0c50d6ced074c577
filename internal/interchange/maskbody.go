package interchange

import (
	"fmt"
	"strings"

	"github.com/bestiary-ml/bestiary/backbone"
	"github.com/bestiary-ml/bestiary/maskrcnn"
)

// Prefixes of names. torchvision gives a detector the layers of MobileNets, EfficientNets and VGG as they are numbered in features, so the
// names of its state_dict lack that word.
const (
	maskBody     = "backbone.body."
	maskFeatures = maskBody + "features."
)

// bareFeatures returns the name in torchvision's state_dict.
func bareFeatures(name string) string {
	if own, ok := strings.CutPrefix(name, maskFeatures); ok {
		return maskBody + own
	}
	return name
}

// ownFeatures is the reverse of bareFeatures: names of numbered layers are those of features.
func ownFeatures(name string) string {
	if own, ok := strings.CutPrefix(name, maskBody); ok && own != "" && own[0] >= '0' && own[0] <= '9' {
		return maskFeatures + own
	}
	return name
}

// maskBackbone returns the architecture of the body of a Mask R-CNN, "" for another.
func (s *source) maskBackbone() string {
	shapes := map[string][]int{}
	for name, e := range s.tensors {
		if own, ok := strings.CutPrefix(ownFeatures(name), maskBody); ok {
			shapes[own] = e.shape
		}
	}
	return backbone.OfStages(shapes)
}

// MaskRCNNCall returns what makes the model for an exported state_dict in Python. torchvision has no part that makes bodies of timm's
// mobilenetv1_100 and of efficientnet-lite-pytorch, whose stages are no modules of their own; for these it is a description.
func MaskRCNNCall(c maskrcnn.Config) string {
	name := backbone.Canonical(c.Backbone)
	sizes := fmt.Sprintf("num_classes=%d, min_size=%d, max_size=%d)", c.Classes+1, c.MinSide, c.MaxSide)
	const detection = "torchvision.models.detection."
	of := func(body string) string { return detection + "MaskRCNN(" + body + ", " + sizes }
	layers := func(net string, ends ...string) string {
		for i, end := range ends {
			ends[i] = fmt.Sprintf("%q: \"%d\"", end, i)
		}
		widths, _ := backbone.WidthsOf(name)
		return fmt.Sprintf("%sbackbone_utils.BackboneWithFPN(%s, {%s}, %s, %d)", detection, net, strings.Join(ends, ", "),
			strings.ReplaceAll(fmt.Sprint(widths), " ", ", "), c.Width)
	}
	stages := []string{"layer1", "layer2", "layer3", "layer4"}
	features := "torchvision.models." + name + "(weights=None).features"
	switch {
	case name == "resnet50":
		return detection + "maskrcnn_resnet50_fpn(weights=None, weights_backbone=None, " + sizes
	case name == "resnext101_32x4d":
		return of(layers("timm.create_model(\"resnext101_32x4d\")", stages...))
	case strings.HasPrefix(name, "res"):
		return of(fmt.Sprintf("%sbackbone_utils.resnet_fpn_backbone(backbone_name=%q, weights=None, norm_layer=torch.nn.BatchNorm2d, trainable_layers=5)", detection, name))
	case strings.HasPrefix(name, "se"):
		return of(layers("timm.create_model(\"legacy_"+name+"\")", stages...))
	case name == "vgg16":
		return of(layers(features, "8", "15", "22", "29"))
	case name == "mobilenet_v2":
		return of(layers(features, "3", "6", "13", "17"))
	case strings.HasPrefix(name, "efficientnet_b"):
		return of(layers(features, "2", "3", "5", "7"))
	}
	return of("a backbone whose body has the names of " + backbone.TitleOf(name))
}
