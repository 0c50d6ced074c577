package ssd

import (
	"strconv"

	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// head predicts some numbers for each prior: a 3×3 convolution of each feature map.
type head struct {
	convs   []*nn.Conv2d
	columns int // numbers of a prior
}

func newHead(d *tensor.Device, widths, perPlace []int, columns int, g *tensor.Generator) *head {
	h := &head{columns: columns}
	for k, width := range widths {
		h.convs = append(h.convs, xavier(d, width, perPlace[k]*columns, 3, tensor.StridePad(1, 1), g))
	}
	return h
}

// forward returns the numbers of all priors [N, P, columns], in the order of [detect.DefaultBoxes.Boxes].
func (h *head) forward(maps []*tensor.Tensor) *tensor.Tensor {
	var all []*tensor.Tensor
	for k, x := range maps {
		y := h.convs[k].Forward(x)                                                    // [N, s, s, boxes·columns]
		all = append(all, y.Reshape(y.Dim(0), y.Len()/y.Dim(0)/h.columns, h.columns)) // [N, s·s·boxes, columns]
	}
	return tensor.Concat(1, all...)
}

func (h *head) visit(path string, f func(nn.Param)) {
	for k, c := range h.convs {
		c.Visit(nn.Join(path, "module_list."+strconv.Itoa(k)), f)
	}
}
