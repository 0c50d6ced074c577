package maskrcnn

import (
	"github.com/bestiary-ml/bestiary/detect"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Found is an object with its mask.
type Found struct {
	detect.Detection           // Class is counted from 0, without the background; Box is in pixels of the picture; Mask is nil, see [Found.Paste]
	Probabilities    []float32 // of the mask's pixels inside the box, side×side with a side of 2·Config.MaskSize
}

// smallestDetection is the shortest side of a detection in pixels.
const smallestDetection = 1e-2

// Detect returns the objects in pictures x [N, H, W, 3] with values in [−1, 1], padded on the right and below to multiples of 32, by
// falling score; sizes are those without padding. The model must be in evaluation mode. It is torchvision's
// postprocess_detections.
func (m *Model) Detect(x *tensor.Tensor, sizes []Size) [][]Found {
	s := m.device.Scratch()
	defer s.End()
	v := m.view(x, sizes)
	return m.found(v, m.propose(v))
}

// found returns the objects among the proposals of each picture.
func (m *Model) found(v *view, proposals [][]detect.Box) [][]Found {
	total, sizes := 0, v.sizes
	for _, own := range proposals {
		total += len(own)
	}
	all := make([][]Found, len(sizes))
	if total == 0 {
		return all
	}
	logits, codes := m.boxes.forward(v.read(proposals, m.config.Boxes.Size))
	values := tensor.Read(logits.Softmax(1), codes)
	columns, first := m.config.Classes+1, 0
	for i, own := range proposals {
		n := len(own)
		all[i] = m.detections(own, values[0][first*columns:(first+n)*columns], values[1][first*columns*4:(first+n)*columns*4], sizes[i])
		first += n
	}
	m.draw(v, all)
	return all
}

// detections are those of one picture, for the probabilities [R, classes+1] and codes [R, classes+1, 4] of its proposals.
func (m *Model) detections(proposals []detect.Box, probabilities, codes []float32, size Size) []Found {
	c, columns := m.config.Boxes, m.config.Classes+1
	var (
		found   []detect.Box
		scores  []float32
		classes []int
	)
	for r, proposal := range proposals {
		for class := 1; class < columns; class++ {
			at := r*columns + class
			if !(probabilities[at] > float32(c.MinScore)) {
				continue
			}
			b := boxCoder.Decode([4]float32(codes[4*at:]), proposal).Clip(float64(size.Width), float64(size.Height))
			if b.Finite() && b.Width() >= smallestDetection && b.Height() >= smallestDetection {
				found, scores, classes = append(found, b), append(scores, probabilities[at]), append(classes, class-1)
			}
		}
	}
	kept, err := detect.NMSPerClass(found, scores, classes, c.NMS)
	if err != nil {
		panic(err) // Validate has checked the threshold
	}
	kept = kept[:min(len(kept), c.MaxFound)]
	all := make([]Found, len(kept))
	for i, k := range kept {
		all[i].Detection = detect.Detection{Class: classes[k], Box: found[k], Score: float64(scores[k])}
	}
	return all
}

// draw sets the masks of detections.
func (m *Model) draw(v *view, all [][]Found) {
	boxes := make([][]detect.Box, len(all))
	var labels []int32
	for i, own := range all {
		for _, f := range own {
			boxes[i], labels = append(boxes[i], f.Box), append(labels, int32(f.Class+1))
		}
	}
	if len(labels) == 0 {
		return
	}
	logits := m.masks.forward(v.read(boxes, m.config.MaskSize))
	values, pixels := ofClasses(logits, labels).Sigmoid().Values(), 4*m.config.MaskSize*m.config.MaskSize
	for i := range all {
		for k := range all[i] {
			all[i][k].Probabilities, values = values[:pixels:pixels], values[pixels:]
		}
	}
}
