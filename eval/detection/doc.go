// Package detection measures detectors by average precision (AP): of the detections by falling score, the share that is right
// (precision) against the share of all objects that they find (recall).
//
// [VOC] is the measure of Pascal VOC (Everingham et al., 2010), and [COCO] that of COCO (Lin et al., 2014), with the values of
// pycocotools; [COCOMasks] is the latter with masks in the place of boxes. A detection is right if its IoU with an object of its class is high enough, and no detection of a higher score
// has found that object.
package detection

import (
	"math"
	"slices"

	"github.com/bestiary-ml/bestiary/data/boxes"
	"github.com/bestiary-ml/bestiary/detect"
	"github.com/bestiary-ml/bestiary/fault"
)

// Picture has the objects of a picture and a detector's detections.
type Picture struct {
	Width, Height int // in pixels; only [COCOMasks] needs them
	Objects       []boxes.Object
	Detections    []detect.Detection
}

// Point is a point of a precision-recall curve: what holds of all detections of at least that score.
type Point struct {
	Score     float64 `json:"score"`
	Recall    float64 `json:"recall"`
	Precision float64 `json:"precision"`
}

// check returns an error unless classes and numbers are in range.
func check(pictures []Picture, classes []string) error {
	if len(classes) == 0 {
		return fault.Field("Classes", classes, "must have a name or more")
	}
	known := func(class int) bool { return class >= 0 && class < len(classes) }
	for _, p := range pictures {
		for _, o := range p.Objects {
			if !known(o.Class) {
				return fault.Field("Class", o.Class, "must be one of %d classes", len(classes))
			}
			if !o.Box.Finite() {
				return fault.Field("Box", o.Box, "must have finite coordinates")
			}
		}
		for _, d := range p.Detections {
			if !known(d.Class) {
				return fault.Field("Class", d.Class, "must be one of %d classes", len(classes))
			}
			if !d.Box.Finite() {
				return fault.Field("Box", d.Box, "must have finite coordinates")
			}
			if math.IsNaN(d.Score) {
				return fault.Field("Score", d.Score, "must be a number")
			}
		}
	}
	return nil
}

// mean returns the mean of the values that are not NaN, or NaN.
func mean(values []float64) float64 {
	sum, n := 0., 0
	for _, v := range values {
		if !math.IsNaN(v) {
			sum += v
			n++
		}
	}
	return sum / float64(n)
}

// envelope replaces each precision by the largest at its recall or more.
func envelope(curve []Point) []float64 {
	p := make([]float64, len(curve))
	for i := len(curve) - 1; i >= 0; i-- {
		p[i] = curve[i].Precision
		if i+1 < len(curve) {
			p[i] = max(p[i], p[i+1])
		}
	}
	return p
}

// precisionAt returns the largest precision at a recall or more, and the score there; 0 if that recall isn't reached.
func precisionAt(curve []Point, envelope []float64, recall float64) (precision, score float64) {
	i, _ := slices.BinarySearchFunc(curve, recall, func(p Point, r float64) int {
		if p.Recall < r {
			return -1
		}
		return 1
	})
	if i == len(curve) {
		return 0, 0
	}
	return envelope[i], curve[i].Score
}
