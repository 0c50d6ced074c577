package maskrcnn

import (
	"math"
	"strconv"

	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// maskHead draws the mask of a region: four 3×3 convolutions, one that doubles the resolution, and one for the logits.
type maskHead struct {
	size    int // places along each side of a region
	convs   [4]*nn.Conv2d
	enlarge *nn.ConvTranspose2d
	logits  *nn.Conv2d
}

func newMaskHead(d *tensor.Device, c Config, g *tensor.Generator) *maskHead {
	std := func(fanOut int) float64 { return math.Sqrt(2 / float64(fanOut)) } // He et al., 2015
	h := &maskHead{size: c.MaskSize}
	in := c.Width
	for i := range h.convs {
		h.convs[i] = normal(d, in, c.MaskWidth, 3, std(9*c.MaskWidth), rectified(tensor.StridePad(1, 1)), g)
		in = c.MaskWidth
	}
	h.enlarge = nn.NewConvTranspose2d(d, in, in, 2, true, rectified(tensor.StridePad(2, 0)), g)
	h.enlarge.Weight = nn.Normal(d, g, 0, std(4*in), h.enlarge.Weight.Shape()...)
	h.logits = nn.NewConv2d(d, in, c.Classes+1, 1, true, tensor.StridePad(1, 0), g)
	h.logits.Weight = nn.Normal(d, g, 0, std(c.Classes+1), h.logits.Weight.Shape()...)
	return h
}

// forward returns for bins [R·size², width] of R regions the logits [R, 2·size, 2·size, classes+1] of their pixels.
func (h *maskHead) forward(bins *tensor.Tensor) *tensor.Tensor {
	x := bins.Reshape(-1, h.size, h.size, bins.Dim(1))
	for _, c := range h.convs {
		x = c.Forward(x)
	}
	return h.logits.Forward(h.enlarge.Forward(x))
}

func (h *maskHead) visit(path string, f func(nn.Param)) {
	for i, c := range h.convs {
		c.Visit(nn.Join(path, "mask_head."+strconv.Itoa(i)+".0"), f)
	}
	h.enlarge.Visit(nn.Join(path, "mask_predictor.conv5_mask"), f)
	h.logits.Visit(nn.Join(path, "mask_predictor.mask_fcn_logits"), f)
}
