package detection

import (
	"cmp"
	"slices"

	"github.com/bestiary-ml/bestiary/detect"
	"github.com/bestiary-ml/bestiary/fault"
)

// Kind is a kind of mistake (Hoiem et al., 2012).
type Kind string

// The kinds.
const (
	Background   Kind = "background"   // nothing is there: IoU below 0.1 with every object
	Localization Kind = "localization" // IoU of 0.1 or more with an object of the class, but too small to be right
	Duplicate    Kind = "duplicate"    // of an object that a detection of a higher score has found
	OtherClass   Kind = "other class"  // IoU of 0.1 or more with an object of another class only
	Missed       Kind = "missed"       // an object that no detection finds
)

// Mistake is a wrong detection or a missed object.
type Mistake struct {
	Kind    Kind
	Picture int // index into the pictures
	Class   int // of the detection, or of the missed object
	Box     detect.Box
	Score   float64 // of the detection; of a missed object 0

	// Of a detection: the object that it overlaps most, if IoU is 0.1 or more. Of a missed object: the detection of its class with
	// the largest IoU, if that is not 0.
	Other      *detect.Box
	OtherClass int
	IoU        float64 // with Other
}

// MistakeOptions say what is a mistake.
type MistakeOptions struct {
	IoU   float64 // from which a detection is right; 0 means 0.5
	Score float64 // detections of a smaller score are left out; 0 means all
}

// touching is the IoU from which a wrong detection is about an object.
const touching = 0.1

// Mistakes returns the wrong detections by falling score, and the missed objects by falling area. Detections and objects
// correspond as in [VOC]; difficult objects and crowds need not be found.
func Mistakes(pictures []Picture, classes []string, o MistakeOptions) (wrong, missed []Mistake, err error) {
	if o.IoU == 0 {
		o.IoU = 0.5
	}
	if !(o.IoU > 0 && o.IoU <= 1) {
		return nil, nil, fault.Field("IoU", o.IoU, "must be above 0 and at most 1")
	}
	if !(o.Score >= 0 && o.Score <= 1) {
		return nil, nil, fault.Field("Score", o.Score, "must be 0 to 1")
	}
	if err := check(pictures, classes); err != nil {
		return nil, nil, err
	}
	for i, p := range pictures {
		w, m := o.of(p, i)
		wrong, missed = append(wrong, w...), append(missed, m...)
	}
	slices.SortStableFunc(wrong, func(a, b Mistake) int { return cmp.Compare(b.Score, a.Score) })
	slices.SortStableFunc(missed, func(a, b Mistake) int { return cmp.Compare(b.Box.Area(), a.Box.Area()) })
	return wrong, missed, nil
}

// of returns the mistakes of a picture.
func (o MistakeOptions) of(p Picture, picture int) (wrong, missed []Mistake) {
	var all []detect.Detection
	for _, d := range p.Detections {
		if d.Score >= o.Score {
			all = append(all, d)
		}
	}
	slices.SortStableFunc(all, func(a, b detect.Detection) int { return cmp.Compare(b.Score, a.Score) })
	found := make([]bool, len(p.Objects))
	for _, d := range all {
		own, other := -1, -1 // the objects that it overlaps most: of its class, of another
		var ownIoU, otherIoU float64
		for j, object := range p.Objects {
			iou := d.Box.IoU(object.Box)
			if object.Class == d.Class && iou > ownIoU {
				own, ownIoU = j, iou
			} else if object.Class != d.Class && iou > otherIoU {
				other, otherIoU = j, iou
			}
		}
		m := Mistake{Kind: Background, Picture: picture, Class: d.Class, Box: d.Box, Score: d.Score}
		at := -1
		switch {
		case own >= 0 && ownIoU >= o.IoU && (p.Objects[own].Difficult || p.Objects[own].Crowd):
			continue
		case own >= 0 && ownIoU >= o.IoU && !found[own]:
			found[own] = true
			continue
		case own >= 0 && ownIoU >= o.IoU:
			m.Kind, m.IoU, at = Duplicate, ownIoU, own
		case ownIoU >= touching:
			m.Kind, m.IoU, at = Localization, ownIoU, own
		case otherIoU >= touching:
			m.Kind, m.IoU, at = OtherClass, otherIoU, other
		}
		if at >= 0 {
			m.Other, m.OtherClass = &p.Objects[at].Box, p.Objects[at].Class
		}
		wrong = append(wrong, m)
	}
	for j, object := range p.Objects {
		if found[j] || object.Difficult || object.Crowd {
			continue
		}
		m := Mistake{Kind: Missed, Picture: picture, Class: object.Class, Box: object.Box}
		for k, d := range all {
			if iou := d.Box.IoU(object.Box); d.Class == object.Class && iou > m.IoU {
				m.IoU, m.Other, m.OtherClass = iou, &all[k].Box, d.Class
			}
		}
		missed = append(missed, m)
	}
	return wrong, missed
}
