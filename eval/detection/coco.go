package detection

import (
	"cmp"
	"math"
	"slices"

	"github.com/bestiary-ml/bestiary/data/boxes"
	"github.com/bestiary-ml/bestiary/detect"
)

// COCOResult is what [COCO] measures. A value is NaN if there are no objects for it.
type COCOResult struct {
	AP       float64 `json:"ap"`    // mean of IoU 0.50, 0.55, …, 0.95 and of the classes
	AP50     float64 `json:"ap_50"` // at IoU 0.5
	AP75     float64 `json:"ap_75"`
	APSmall  float64 `json:"ap_small"`  // objects below 32² pixels
	APMedium float64 `json:"ap_medium"` // 32² to 96²
	APLarge  float64 `json:"ap_large"`

	AR1      float64 `json:"ar_1"` // average recall with the best detection of a class and picture
	AR10     float64 `json:"ar_10"`
	AR100    float64 `json:"ar_100"`
	ARSmall  float64 `json:"ar_small"` // with the best 100
	ARMedium float64 `json:"ar_medium"`
	ARLarge  float64 `json:"ar_large"`

	Classes []COCOClass `json:"classes"`
}

// COCOClass is the result of a class.
type COCOClass struct {
	Name    string  `json:"name"`
	AP      float64 `json:"ap"`
	AP50    float64 `json:"ap_50"`
	AP75    float64 `json:"ap_75"`
	AR100   float64 `json:"ar_100"`
	Objects int     `json:"objects"` // that count
	Curve   []Point `json:"curve"`   // at IoU 0.5: a point for each recall of 0, 0.01, …, 1; nil without objects
}

// mostDetections is the number of detections of a class and picture that count.
const mostDetections = 100

// iouLevels are the IoU from which a detection is right.
var iouLevels = func() (levels [10]float64) {
	for i := range levels {
		levels[i] = 0.5 + float64(i)*(0.95-0.5)/9
	}
	return levels
}()

// sizes are COCO's ranges of an object's area: all, small, medium, large.
var sizes = [4][2]float64{{0, 1e10}, {0, 32 * 32}, {32 * 32, 96 * 96}, {96 * 96, 1e10}}

// COCO measures detections as pycocotools does. A detection, by falling score, is of the object with the largest IoU among those
// of its class and picture that aren't found yet. Crowds may be found any number of times, and for them IoU is the share of the
// detection within the crowd. Detections of crowds, of difficult objects and of objects of other sizes count for nothing, and
// neither do wrong detections of other sizes. Detections of equal scores count in the order of the pictures.
func COCO(pictures []Picture, classes []string) (COCOResult, error) {
	return coco(pictures, classes, boxOverlaps)
}

// coco measures detections by their overlaps with objects.
func coco(pictures []Picture, classes []string, overlaps overlaps) (COCOResult, error) {
	if err := check(pictures, classes); err != nil {
		return COCOResult{}, err
	}
	result := COCOResult{Classes: make([]COCOClass, len(classes))}
	var ap, recall [4][10][]float64 // [size][IoU][class]
	var few, several [10][]float64
	for c, name := range classes {
		own := &result.Classes[c]
		own.Name = name
		candidates, err := ofClass(pictures, c, overlaps)
		if err != nil {
			return COCOResult{}, err
		}
		for s, size := range sizes {
			tallies := tally(candidates, size)
			for i := range iouLevels {
				curve := tallies.curve(i, mostDetections)
				highest := envelope(curve)
				area := 0.
				for r := range 101 {
					p, score := precisionAt(curve, highest, recallAt(r))
					area += p / 101
					if s == 0 && i == 0 && tallies.objects > 0 {
						own.Curve = append(own.Curve, Point{score, recallAt(r), p})
					}
				}
				reached := last(curve)
				if tallies.objects == 0 {
					area, reached = math.NaN(), math.NaN()
				}
				ap[s][i] = append(ap[s][i], area)
				recall[s][i] = append(recall[s][i], reached)
				if s == 0 && tallies.objects > 0 {
					few[i] = append(few[i], last(tallies.curve(i, 1)))
					several[i] = append(several[i], last(tallies.curve(i, 10)))
				}
			}
			if s == 0 {
				own.Objects = tallies.objects
			}
		}
		own.AP50, own.AP75 = ap[0][0][c], ap[0][5][c]
		own.AP, own.AR100 = classMean(ap[0], c), classMean(recall[0], c)
	}
	all := func(levels [10][]float64) float64 { return mean(slices.Concat(levels[:]...)) }
	result.AP, result.AP50, result.AP75 = all(ap[0]), mean(ap[0][0]), mean(ap[0][5])
	result.APSmall, result.APMedium, result.APLarge = all(ap[1]), all(ap[2]), all(ap[3])
	result.AR1, result.AR10, result.AR100 = all(few), all(several), all(recall[0])
	result.ARSmall, result.ARMedium, result.ARLarge = all(recall[1]), all(recall[2]), all(recall[3])
	return result, nil
}

// recallAt returns recall i of 101.
func recallAt(i int) float64 { return min(float64(i)*0.01, 1) }

// last returns the recall of all detections.
func last(curve []Point) float64 {
	if len(curve) == 0 {
		return 0
	}
	return curve[len(curve)-1].Recall
}

// classMean returns the mean of a class over the levels of IoU.
func classMean(levels [10][]float64, class int) float64 {
	values := make([]float64, len(levels))
	for i := range levels {
		values[i] = levels[i][class]
	}
	return mean(values)
}

// candidates are the objects and detections of a class in a picture, with the IoU of each pair.
type candidates struct {
	objects    []boxes.Object
	detections []detect.Detection // by falling score
	areas      []float64          // of the detections, in pixels
	iou        [][]float64        // [detections][objects]
}

// overlaps fills in what a measure compares: the areas of the detections and the IoU.
type overlaps func(p Picture, c *candidates) error

// boxOverlaps is [overlaps] of boxes.
func boxOverlaps(_ Picture, c *candidates) error {
	for _, d := range c.detections {
		row := make([]float64, len(c.objects))
		for j, o := range c.objects {
			if row[j] = d.Box.IoU(o.Box); o.Crowd && !d.Box.Empty() {
				row[j] = d.Box.Intersect(o.Box).Area() / d.Box.Area()
			}
		}
		c.iou = append(c.iou, row)
		c.areas = append(c.areas, d.Box.Area())
	}
	return nil
}

// ofClass returns the objects and detections of a class, by picture.
func ofClass(pictures []Picture, class int, overlaps overlaps) ([]candidates, error) {
	var all []candidates
	for _, p := range pictures {
		var c candidates
		for _, o := range p.Objects {
			if o.Class == class {
				c.objects = append(c.objects, o)
			}
		}
		for _, d := range p.Detections {
			if d.Class == class {
				c.detections = append(c.detections, d)
			}
		}
		if len(c.objects)+len(c.detections) == 0 {
			continue
		}
		slices.SortStableFunc(c.detections, func(a, b detect.Detection) int { return cmp.Compare(b.Score, a.Score) })
		c.detections = c.detections[:min(len(c.detections), mostDetections)]
		if err := overlaps(p, &c); err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

const (
	wrong judgement = iota
	right
	ignored
)
