package detection

import (
	"cmp"
	"slices"

	"github.com/bestiary-ml/bestiary/data/boxes"
	"github.com/bestiary-ml/bestiary/detect"
	"github.com/bestiary-ml/bestiary/fault"
)

// Form is how Pascal VOC makes a number of a precision-recall curve.
type Form string

// The forms.
const (
	Area         Form = "area"   // the area below the curve, VOC 2010 and later; the zero value "" means the same
	ElevenPoints Form = "eleven" // the mean precision at recalls of 0, 0.1, …, 1, VOC 2007
)

// VOCOptions say how [VOC] measures.
type VOCOptions struct {
	IoU  float64 // from which a detection is right; 0 means 0.5
	Form Form
}

// VOCResult is what [VOC] measures.
type VOCResult struct {
	Mean    float64    `json:"map"` // of the classes with objects; NaN if there are none
	Classes []VOCClass `json:"classes"`
}

// VOCClass is the result of a class.
type VOCClass struct {
	Name       string  `json:"name"`
	AP         float64 `json:"ap"`         // NaN for a class without objects
	Objects    int     `json:"objects"`    // without difficult ones
	Difficult  int     `json:"difficult"`  // objects that need not be found
	Detections int     `json:"detections"` // without those of difficult objects
	Right      int     `json:"right"`      // detections
	Curve      []Point `json:"curve"`      // a point for each detection, by falling score
}

// VOC measures detections as Pascal VOC does. Each detection, by falling score, belongs to the object of its class and picture
// with the largest IoU. It is right if that IoU is at least o.IoU and the object is not found yet, and wrong otherwise.
// Detections of difficult objects, and of crowds, count for nothing.
//
// VOC's own tools take the pixel at the right and lower edge as part of the box; here a box ends at the edge, so add 1 to
// these coordinates of VOC's files, as package data/boxes does.
func VOC(pictures []Picture, classes []string, o VOCOptions) (VOCResult, error) {
	if o.IoU == 0 {
		o.IoU = 0.5
	}
	if !(o.IoU > 0 && o.IoU <= 1) {
		return VOCResult{}, fault.Field("IoU", o.IoU, "must be above 0 and at most 1")
	}
	if o.Form == "" {
		o.Form = Area
	}
	if o.Form != Area && o.Form != ElevenPoints {
		return VOCResult{}, fault.Field("Form", o.Form, "must be area or eleven")
	}
	if err := check(pictures, classes); err != nil {
		return VOCResult{}, err
	}
	result := VOCResult{Classes: make([]VOCClass, len(classes))}
	aps := make([]float64, len(classes))
	for c, name := range classes {
		result.Classes[c] = vocClass(pictures, c, o)
		result.Classes[c].Name = name
		aps[c] = result.Classes[c].AP
	}
	result.Mean = mean(aps)
	return result, nil
}

// vocClass measures a class.
func vocClass(pictures []Picture, class int, o VOCOptions) VOCClass {
	type candidate struct {
		picture int
		detect.Detection
	}
	var r VOCClass
	var all []candidate
	objects := make([][]boxes.Object, len(pictures))
	for i, p := range pictures {
		for _, object := range p.Objects {
			if object.Class != class {
				continue
			}
			objects[i] = append(objects[i], object)
			if object.Difficult || object.Crowd {
				r.Difficult++
			} else {
				r.Objects++
			}
		}
		for _, d := range p.Detections {
			if d.Class == class {
				all = append(all, candidate{i, d})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b candidate) int { return cmp.Compare(b.Score, a.Score) })
	found := make([][]bool, len(pictures))
	for _, d := range all {
		best, at := -1., -1
		for j, object := range objects[d.picture] {
			if iou := d.Box.IoU(object.Box); iou > best {
				best, at = iou, j
			}
		}
		right := false
		if at >= 0 && best >= o.IoU {
			object := objects[d.picture][at]
			if object.Difficult || object.Crowd {
				continue
			}
			if found[d.picture] == nil {
				found[d.picture] = make([]bool, len(objects[d.picture]))
			}
			right = !found[d.picture][at]
			found[d.picture][at] = true
		}
		r.Detections++
		if right {
			r.Right++
		}
		r.Curve = append(r.Curve, Point{d.Score, float64(r.Right) / float64(r.Objects), float64(r.Right) / float64(r.Detections)})
	}
	r.AP = o.Form.average(r)
	return r
}

// average returns the average precision of a class.
func (f Form) average(r VOCClass) float64 {
	if r.Objects == 0 {
		return mean(nil)
	}
	highest, ap := envelope(r.Curve), 0.
	if f == ElevenPoints {
		for i := range 11 {
			p, _ := precisionAt(r.Curve, highest, float64(i)*0.1)
			ap += p / 11
		}
		return ap
	}
	recall := 0.
	for i, p := range r.Curve {
		ap += (p.Recall - recall) * highest[i]
		recall = p.Recall
	}
	return ap
}
