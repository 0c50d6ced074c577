package maskrcnn

import (
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// boxHead names the class of a region and corrects its box.
type boxHead struct {
	size           int // places along each side of a region
	fc6, fc7       *nn.Linear
	classes, codes *nn.Linear
}

func newBoxHead(d *tensor.Device, c Config, g *tensor.Generator) *boxHead {
	linear := func(in, out int) *nn.Linear { return nn.NewLinear(d, in, out, true, g) }
	return &boxHead{
		size: c.Boxes.Size, fc6: linear(c.Width*c.Boxes.Size*c.Boxes.Size, c.HeadWidth), fc7: linear(c.HeadWidth, c.HeadWidth),
		classes: linear(c.HeadWidth, c.Classes+1), codes: linear(c.HeadWidth, 4*(c.Classes+1)),
	}
}

// forward returns for bins [R·size², width] of R regions the logits [R, classes+1], background first, and for each class the codes
// [R, classes+1, 4] of the box.
func (h *boxHead) forward(bins *tensor.Tensor) (logits, codes *tensor.Tensor) {
	places := h.size * h.size
	x := bins.Reshape(-1, places, bins.Dim(1)).Permute(0, 2, 1).Reshape(-1, places*bins.Dim(1)) // [R, width·size²], channels first as in torchvision
	x = h.fc7.Forward(h.fc6.Forward(x).ReLU()).ReLU()                                           // [R, HeadWidth]
	codes = h.codes.Forward(x)
	return h.classes.Forward(x), codes.Reshape(codes.Dim(0), -1, 4)
}

func (h *boxHead) visit(path string, f func(nn.Param)) {
	h.fc6.Visit(nn.Join(path, "box_head.fc6"), f)
	h.fc7.Visit(nn.Join(path, "box_head.fc7"), f)
	h.classes.Visit(nn.Join(path, "box_predictor.cls_score"), f)
	h.codes.Visit(nn.Join(path, "box_predictor.bbox_pred"), f)
}
