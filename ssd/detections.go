package ssd

import (
	"github.com/bestiary-ml/bestiary/detect"
	"github.com/bestiary-ml/bestiary/tensor"
)

// coder is that of SSD.
var coder = detect.NewCoder(10, 10, 5, 5)

// Detect returns the objects in pictures x [N, S, S, 3] with values in [−1, 1], by falling score. Classes are counted from 0, without the
// background. Boxes are shares of the sides, 0 to 1. The model must be in evaluation mode.
func (m *Model) Detect(x *tensor.Tensor) [][]detect.Detection {
	s := m.device.Scratch()
	defer s.End()
	logits, codes := m.Forward(x)
	return m.Detections(logits, codes)
}

// Detections returns the objects for what [Model.Forward] returns, as torchvision's postprocess_detections does: of each class the
// TopK boxes with a score above MinScore, of which non-maximum suppression leaves some, and of all classes the best MaxFound.
// Boxes that are empty once clipped to the picture are left out.
func (m *Model) Detections(logits, codes *tensor.Tensor) [][]detect.Detection {
	values := tensor.Read(logits.Softmax(2), codes)
	n, columns := logits.Dim(0), m.config.Classes+1
	all := make([][]detect.Detection, n)
	for i := range all {
		p := len(m.priors)
		all[i] = m.detections(values[0][i*p*columns:(i+1)*p*columns], values[1][i*p*4:(i+1)*p*4])
	}
	return all
}

// detections are those of one picture, for the probabilities [P, classes+1] and codes [P, 4] of its priors.
func (m *Model) detections(probabilities, codes []float32) []detect.Detection {
	return m.config.Choose(probabilities, len(m.priors), func(p int) detect.Box { return coder.Decode([4]float32(codes[4*p:]), m.priors[p]) })
}

// Choose returns the objects of one picture for the probabilities [P, classes+1] of n priors, the background's first: those of
// [Model.Detections]. box returns the box of a prior, in pixels of the model's picture.
func (c Config) Choose(probabilities []float32, n int, box func(p int) detect.Box) []detect.Detection {
	columns, side := c.Classes+1, float64(c.ImageSize)
	decoded := make([]detect.Box, n) // zero until it is needed
	var (
		found   []detect.Box
		scores  []float32
		classes []int
	)
	var own []int           // priors with a score of the class above the least
	var ownScores []float32 // likewise
	for class := range c.Classes {
		own, ownScores = own[:0], ownScores[:0]
		for p := range n {
			if score := probabilities[p*columns+class+1]; score > float32(c.MinScore) {
				own, ownScores = append(own, p), append(ownScores, score)
			}
		}
		order := detect.ByScore(ownScores)
		for _, k := range order[:min(len(order), c.TopK)] {
			p := own[k]
			if decoded[p] == (detect.Box{}) {
				decoded[p] = box(p).Clip(side, side)
			}
			if b := decoded[p]; b.Finite() && !b.Empty() {
				found, scores, classes = append(found, b), append(scores, ownScores[k]), append(classes, class)
			}
		}
	}
	kept, err := detect.NMSPerClass(found, scores, classes, c.NMS)
	if err != nil {
		panic(err) // Validate has checked the threshold
	}
	kept = kept[:min(len(kept), c.MaxFound)]
	all := make([]detect.Detection, len(kept))
	for i, k := range kept {
		all[i] = detect.Detection{Class: classes[k], Box: found[k].Scale(1/side, 1/side), Score: float64(scores[k])}
	}
	return all
}
