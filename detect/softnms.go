package detect

import (
	"math"

	"github.com/bestiary-ml/bestiary/fault"
)

// Soft is soft non-maximum suppression (Bodla et al., 2017). It lowers the score of a box by its IoU with each box of a higher
// score, instead of removing it:
//
//	linear:    s ← s·(1 − IoU)        where IoU > Threshold
//	gaussian:  s ← s·exp(−IoU²/Sigma)
type Soft struct {
	Sigma     float64 // of the gaussian form; 0: the linear form
	Threshold float64 // of the linear form, 0 to 1
	MinScore  float64 // boxes whose score falls below it are removed
}

// Validate returns a [*fault.FieldError] for a value that is not allowed.
func (s Soft) Validate() error {
	switch {
	case !(s.Sigma >= 0) || math.IsInf(s.Sigma, 0):
		return fault.Field("Sigma", s.Sigma, "must be above 0, or 0 for the linear form")
	case !(s.Threshold >= 0 && s.Threshold <= 1):
		return fault.Field("Threshold", s.Threshold, "must be 0 to 1")
	case !(s.MinScore >= 0):
		return fault.Field("MinScore", s.MinScore, "must be 0 or more")
	}
	return nil
}

// Run returns the indices of the boxes that remain, by falling new score, and these scores. The time grows with the square of
// the number of boxes.
func (s Soft) Run(b []Box, scores []float32) (kept []int, lowered []float32, err error) {
	if err := s.Validate(); err != nil {
		return nil, nil, err
	}
	if err := checkNMS(b, scores, s.Threshold); err != nil {
		return nil, nil, err
	}
	type entry struct {
		box   Box
		area  float64
		score float64
		index int
	}
	var left []entry
	for i, b := range b {
		if score := float64(scores[i]); score >= s.MinScore { // not NaN
			left = append(left, entry{b, b.Area(), score, i})
		}
	}
	for len(left) > 0 {
		best := 0
		for i := range left {
			if left[i].score > left[best].score || left[i].score == left[best].score && left[i].index < left[best].index {
				best = i
			}
		}
		top := left[best]
		kept, lowered = append(kept, top.index), append(lowered, float32(top.score))
		left[best] = left[len(left)-1]
		left = left[:len(left)-1]
		n := 0
		for _, e := range left {
			if inter := e.box.Intersect(top.box).Area(); inter > 0 {
				e.score *= s.factor(inter / (e.area + top.area - inter))
			}
			if e.score >= s.MinScore {
				left[n] = e
				n++
			}
		}
		left = left[:n]
	}
	return kept, lowered, nil
}

// factor is what a score is multiplied by.
func (s Soft) factor(iou float64) float64 {
	switch {
	case s.Sigma > 0:
		return math.Exp(-iou * iou / s.Sigma)
	case iou > s.Threshold:
		return 1 - iou
	}
	return 1
}
