package backbone

// aliases are the names that maskrcnn_tf2 (Popkov, 2021), a Mask R-CNN in TensorFlow with 25 networks, has for those that have another
// name here. The others have the same: resnet18, seresnet50, senet154.
var aliases = map[string]string{
	"resnext50": "resnext50_32x4d", "resnext101": "resnext101_32x4d", "seresnext50": "seresnext50_32x4d", "seresnext101": "seresnext101_32x4d",
	"mobilenet": "mobilenet_v1", "mobilenetv2": "mobilenet_v2",
	"efficientnetb0": "efficientnet_b0", "efficientnetb1": "efficientnet_b1", "efficientnetb2": "efficientnet_b2", "efficientnetb3": "efficientnet_b3",
	"efficientnetb4": "efficientnet_b4", "efficientnetb5": "efficientnet_b5", "efficientnetb6": "efficientnet_b6", "efficientnetb7": "efficientnet_b7",
}

// Canonical returns the name in [Names] for another one of the same network: "resnext50_32x4d" for "resnext50". It returns any other
// name as it is. Functions that take the name of an architecture take both.
func Canonical(name string) string {
	if own, ok := aliases[name]; ok {
		return own
	}
	return name
}
