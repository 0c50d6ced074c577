package maskrcnn

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/bestiary-ml/bestiary/internal/weights"
)

// predictors begin the names of what predicts classes.
var predictors = []string{"roi_heads.box_predictor.", "roi_heads.mask_predictor.mask_fcn_logits."}

// Names of a state dict of torchvision's maskrcnn_resnet50_fpn by which it is known: ResNet-50 has six blocks in its third stage, of
// three convolutions each.
const (
	maskLogits = "roi_heads.mask_predictor.mask_fcn_logits.bias"
	lastBlock  = "backbone.body.layer3.5.conv3.weight"
	noBlock    = "backbone.body.layer3.6.conv3.weight"
)

// Identify reports whether a file, a state dict of PyTorch or a safetensors file, holds a model with the parameters of torchvision's
// maskrcnn_resnet50_fpn, and the number of its classes without the background. The error is that of reading the file.
func Identify(path string) (classes int, is bool, err error) {
	f, err := weights.ReadState(path)
	if err != nil {
		return 0, false, err
	}
	t, err := f.Tensor(maskLogits)
	if err != nil || len(t.Shape) != 1 || t.Shape[0] < 2 || !f.Has(lastBlock) || f.Has(noBlock) {
		return 0, false, nil
	}
	return t.Shape[0] - 1, true, nil
}

// LoadState sets the weights of m from a file with the same parameters: a state dict of torchvision's maskrcnn_resnet50_fpn, or the
// weights of another model. Where the file has another number of classes, or with newClasses, the weights that predict classes, their
// boxes and their masks stay as they are: the initial ones. It reports whether that is so. A file of another network is a
// [*fault.DamagedFile].
func (m *Model) LoadState(path string, newClasses bool) (fresh bool, err error) {
	f, err := weights.ReadState(path)
	if err != nil {
		return false, err
	}
	if f, err = weights.Renamed(f, m, TorchvisionName); err != nil {
		return false, err
	}
	return weights.LoadBut(m, f, newClasses, func(path string) bool {
		return strings.HasPrefix(path, predictors[0]) || strings.HasPrefix(path, predictors[1])
	})
}

var (
	oldPyramid = regexp.MustCompile(`^(backbone\.fpn\.(?:inner|layer)_blocks\.\d)\.(weight|bias)$`)
	oldMasks   = regexp.MustCompile(`^(roi_heads\.mask_head\.)mask_fcn([1-9])\.(weight|bias)$`)
	oldRPN     = regexp.MustCompile(`^(rpn\.head\.conv)\.(weight|bias)$`)
)

// TorchvisionName returns the name of a parameter that torchvision 0.13 and later have for that of a state dict of any version: the
// published weights have the older ones.
func TorchvisionName(name string) string {
	name = oldPyramid.ReplaceAllString(name, "$1.0.$2")
	name = oldRPN.ReplaceAllString(name, "$1.0.0.$2")
	if m := oldMasks.FindStringSubmatch(name); m != nil {
		n, _ := strconv.Atoi(m[2])
		return m[1] + strconv.Itoa(n-1) + ".0." + m[3]
	}
	return name
}
