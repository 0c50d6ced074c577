package maskrcnn

import (
	"math"

	"github.com/bestiary-ml/bestiary/detect"
	"github.com/bestiary-ml/bestiary/tensor"
)

// A Model is networks, and what chooses regions between them. A program that computes the choice in its own way, as an ONNX graph does,
// calls the networks and follows the Rules.

// Maps returns P2 to P6, [1, H/4, W/4, Width] to [1, H/64, W/64, Width], or twice as fine with a backbone of VGG, for pictures as in
// [Model.Detect].
func (m *Model) Maps(x *tensor.Tensor) []*tensor.Tensor {
	return m.pyramid.forward(m.backbone.Features(x))
}

// ProposeIn returns for a map [N, h, w, Width] the logits [N, anchors] of being an object and the codes [N, anchors, 4] of its anchors, by
// row, column and anchor.
func (m *Model) ProposeIn(x *tensor.Tensor) (logits, codes *tensor.Tensor) {
	return m.rpn.forward([]*tensor.Tensor{x})
}

// BoxesOf returns for bins [R·Boxes.Size², Width] of R regions the logits [R, classes+1], background first, and the codes
// [R, classes+1, 4] of the box for each class.
func (m *Model) BoxesOf(bins *tensor.Tensor) (logits, codes *tensor.Tensor) {
	return m.boxes.forward(bins)
}

// MasksOf returns for bins [R·MaskSize², Width] of R regions the logits [R, 2·MaskSize, 2·MaskSize, classes+1] of the pixels of a mask for
// each class.
func (m *Model) MasksOf(bins *tensor.Tensor) *tensor.Tensor { return m.masks.forward(bins) }

// Rules say how a model chooses regions, in addition to its Config.
type Rules struct {
	Strides []int   // of P2 to P5 in pixels
	Square  int     // side of the square, in pixels, in which a picture is centred; 0: it is in the corner of sides that are multiples of 32
	Last    float64 // 1 if a box ends at the centre of its last pixel, 0 if at the edge

	AnchorCoder, BoxCoder detect.Coder
	LeastProposal         float64 // shortest side of a proposal in pixels
	LeastDetection        float64 // shortest side of a detection in pixels
	Together              bool    // proposals of all maps compete, not those of each map
	MostProbable          bool    // a proposal is a detection of its most probable class only, from Boxes.MinScore on; otherwise of each above it

	Sides []float64 // √area of a region from which on it is read in P3, in P4 and so on, and not in the map before
}

// Rules returns those of a model.
func (m *Model) Rules() Rules {
	c := m.config
	r := Rules{
		Strides: m.backbone.Strides(), AnchorCoder: anchorCoder, BoxCoder: boxCoder, LeastProposal: smallestProposal, LeastDetection: smallestDetection,
	}
	if c.Conventions == matterport {
		r.Square, r.Last, r.Together, r.MostProbable = c.MaxSide, 1, true, true
	}
	finest := math.Round(math.Log2(float64(r.Strides[0])))
	for i := range r.Strides[1:] {
		r.Sides = append(r.Sides, c.side(finest+float64(i+1)))
	}
	return r
}

// side is the inverse of level: the √area of the smallest box of a level.
func (c Config) side(level float64) float64 {
	if c.Conventions == matterport {
		return math.Exp2(level-canonicalLevel-0.5) * canonicalSide * float64(c.MaxSide-1) / float64(c.MaxSide)
	}
	return math.Exp2(level-canonicalLevel-1e-6) * canonicalSide
}
