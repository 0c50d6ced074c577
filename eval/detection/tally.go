package detection

import (
	"cmp"
	"slices"
)

// tallies are the detections of a class with what they count for.
type tallies struct {
	objects int // that are to be found
	all     []tallied
}

type tallied struct {
	score float64
	place int           // among the detections of its picture
	is    [10]judgement // at each level of IoU
}

type judgement uint8

// tally judges the detections of a class for objects of a range of areas.
func tally(pictures []candidates, size [2]float64) tallies {
	var t tallies
	outside := func(area float64) bool { return area < size[0] || area > size[1] }
	for _, p := range pictures {
		// The objects that are to be found come first.
		order := make([]int, 0, len(p.objects))
		var rest []int
		for j, o := range p.objects {
			if o.Crowd || o.Difficult || outside(o.Size()) {
				rest = append(rest, j)
			} else {
				order = append(order, j)
			}
		}
		wanted := len(order)
		t.objects += wanted
		order = append(order, rest...)
		judged := make([]tallied, len(p.detections))
		for i, level := range iouLevels {
			found := make([]bool, len(order))
			for d := range p.detections {
				best, at := min(level, 1-1e-10), -1
				for n, j := range order {
					if found[n] && !p.objects[j].Crowd {
						continue
					}
					if at >= 0 && at < wanted && n >= wanted {
						break
					}
					if iou := p.iou[d][j]; iou >= best {
						best, at = iou, n
					}
				}
				is := right
				switch {
				case at >= 0:
					found[at] = true
					if at >= wanted {
						is = ignored
					}
				case outside(p.areas[d]):
					is = ignored
				default:
					is = wrong
				}
				judged[d].is[i] = is
			}
		}
		for d, detection := range p.detections {
			judged[d].score, judged[d].place = detection.Score, d
		}
		t.all = append(t.all, judged...)
	}
	slices.SortStableFunc(t.all, func(a, b tallied) int { return cmp.Compare(b.score, a.score) })
	return t
}

// curve returns the precision-recall curve at a level of IoU with the best detections of each picture.
func (t tallies) curve(level, most int) []Point {
	var curve []Point
	found, n := 0, 0
	for _, d := range t.all {
		if d.place >= most || d.is[level] == ignored {
			continue
		}
		n++
		if d.is[level] == right {
			found++
		}
		curve = append(curve, Point{d.score, float64(found) / float64(t.objects), float64(found) / float64(n)})
	}
	return curve
}
