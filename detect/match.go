package detect

import (
	"github.com/bestiary-ml/bestiary/fault"
)

// What [Matcher.Match] returns for a prior without an object.
const (
	Background = -1 // the IoU with every object is below Low
	Between    = -2 // the largest IoU is at least Low and below High: the prior is used for nothing
)

// Matcher finds the object that each prior is to predict, as torchvision's Matcher and SSDMatcher do.
type Matcher struct {
	High, Low  float64 // IoU from which a prior has the object, and below which it is background; equal: no prior is Between
	LowQuality bool    // a prior also has an object if no prior has a larger IoU with that object: Faster R-CNN's proposals
	Best       bool    // the best prior of each object has that object, whatever their IoU: SSD
}

// SSDMatcher returns the matcher of SSD: the best prior of each object, and all priors from a threshold on.
func SSDMatcher(threshold float64) Matcher {
	return Matcher{High: threshold, Low: threshold, Best: true}
}

// Validate returns a [*fault.FieldError] for a value that is not allowed.
func (m Matcher) Validate() error {
	switch {
	case !(m.High >= 0 && m.High <= 1):
		return fault.Field("High", m.High, "must be 0 to 1")
	case !(m.Low >= 0 && m.Low <= m.High):
		return fault.Field("Low", m.Low, "must be 0 to High %v", m.High)
	}
	return nil
}

// Match returns the index of each prior's object, [Background] or [Between]. It computes the IoU in float32 and takes the first
// of equal ones, as torchvision does. Without objects all priors are background.
//
// Time grows with objects times priors, memory with their sum.
func (m Matcher) Match(objects, priors []Box) []int {
	matches := make([]int, len(priors))
	if len(objects) == 0 || len(priors) == 0 {
		for i := range matches {
			matches[i] = Background
		}
		return matches
	}
	rects := make([]rect, len(priors))
	for i, p := range priors {
		rects[i] = newRect(p)
	}
	best := make([]float32, len(priors)) // IoU with the object of matches
	bestOf := make([]float32, len(objects))
	priorOf := make([]int, len(objects))
	for o, b := range objects {
		object := newRect(b)
		bestOf[o] = -1
		for p := range rects {
			iou := object.iou(&rects[p])
			if iou > best[p] {
				best[p], matches[p] = iou, o
			}
			if iou > bestOf[o] {
				bestOf[o], priorOf[o] = iou, p
			}
		}
	}
	low, high := float32(m.Low), float32(m.High)
	any := append([]int(nil), matches...)
	for p, iou := range best {
		if iou < low {
			matches[p] = Background
		} else if iou < high {
			matches[p] = Between
		}
	}
	if m.LowQuality {
		for o, b := range objects {
			object := newRect(b)
			for p := range rects {
				if object.iou(&rects[p]) == bestOf[o] {
					matches[p] = any[p]
				}
			}
		}
	}
	if m.Best {
		for o, p := range priorOf {
			matches[p] = o
		}
	}
	return matches
}

// iou returns the intersection over union in float32, 0 if it is not a number.
func (a *rect) iou(b *rect) float32 {
	width, height := min(a.x1, b.x1)-max(a.x0, b.x0), min(a.y1, b.y1)-max(a.y0, b.y0)
	inter := float32(max(width, 0) * max(height, 0))
	if !(inter > 0) {
		return 0
	}
	return inter / (float32(a.area+b.area) - inter)
}
