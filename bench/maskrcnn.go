package bench

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/maskrcnn"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// maskFound is the number of objects, with masks, that each picture of [Backbones] has: as many as a model may find.
const maskFound = 100

// constantHeads are layers of a Mask R-CNN whose weights are 0 in the workloads of [Backbones], which changes no time. So the proposals of
// a picture are its 1000 anchors of the highest scores, and each is an object with a probability of ½.
var constantHeads = []string{"rpn.head.bbox_pred.", "roi_heads.box_predictor.cls_score.", "roi_heads.box_predictor.bbox_pred."}

// maskWorkload is the detection of objects by a Mask R-CNN with a backbone.
type maskWorkload struct {
	workload
	backbone   string
	size       int
	parameters *int // set when it is prepared
}

// detectMasks finds objects and their masks in a picture of noise: normalization, backbone, pyramid, proposals and both heads, without
// pasting the masks into the picture. The model is torchvision's, of one class, with random weights in evaluation mode. Non-maximum
// suppression compares all boxes and removes none, as its threshold is an IoU of 1. So each picture has 1000 proposals and 100 objects,
// whatever the features are, here and in torch/maskrcnn.py.
func detectMasks(net string, size int) maskWorkload {
	m := maskWorkload{backbone: net, size: size, parameters: new(int)}
	prepare := func(d *tensor.Device) (func() error, error) {
		g := tensor.NewGenerator(1)
		c := maskrcnn.Torchvision(net, 1)
		c.MinSide, c.MaxSide = size, size
		c.Proposals.NMS, c.Boxes.NMS, c.Boxes.MaxFound = 1, 1, maskFound
		model, err := maskrcnn.New(d, c, g)
		if err != nil {
			return nil, err
		}
		*m.parameters = nn.Count(model)
		model.Visit("", func(p nn.Param) {
			if slices.ContainsFunc(constantHeads, func(prefix string) bool { return strings.HasPrefix(p.Path, prefix) }) {
				p.Tensor.Set(make([]float32, p.Tensor.Len()))
			}
		})
		model.SetTraining(false)
		nn.Freeze(model)
		x := noise(g, d, 1, size)
		return func() error {
			found := model.Detect(x, []maskrcnn.Size{{Height: size, Width: size}})
			if len(found[0]) != maskFound {
				return fmt.Errorf("%d objects, want %d", len(found[0]), maskFound)
			}
			return nil
		}, nil
	}
	m.workload = workload{name: fmt.Sprintf("maskrcnn/detect/%s-%d", net, size), items: 1, prepare: prepare}
	return m
}
