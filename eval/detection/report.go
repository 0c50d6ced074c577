package detection

import (
	"fmt"
	"math"
	"strings"
	"text/tabwriter"

	"github.com/bestiary-ml/bestiary/internal/plots"
)

// Report has the figures of a detector on pictures with known objects. A figure is nil if there are no objects for it.
type Report struct {
	Pictures   int `json:"pictures"`
	Objects    int `json:"objects"`             // that are to be found
	Difficult  int `json:"difficult,omitempty"` // objects that need not be found, and crowds
	Detections int `json:"detections"`          // of any score

	VOC07 *float64    `json:"map_voc2007"` // mean AP at IoU 0.5 in the eleven points of VOC 2007
	Area  *float64    `json:"map"`         // mean AP at IoU 0.5, the area below the curve: VOC 2010 and later
	COCO  COCOFigures `json:"coco"`

	Classes []ClassReport `json:"classes"`

	Masks *MaskReport `json:"masks,omitempty"` // nil from a detector of boxes

	curves []VOCClass
}

// MaskReport has the figures of masks, see [COCOMasks].
type MaskReport struct {
	COCOFigures
	Classes []MaskClass `json:"classes"`
}

// MaskClass has the figures of the masks of a class.
type MaskClass struct {
	Name string   `json:"name"`
	AP   *float64 `json:"ap"`
	AP50 *float64 `json:"ap_50"`
	AP75 *float64 `json:"ap_75"`
}

// COCOFigures are the twelve figures of pycocotools, see [COCOResult].
type COCOFigures struct {
	AP       *float64 `json:"ap"` // mean of IoU 0.50, 0.55, …, 0.95
	AP50     *float64 `json:"ap_50"`
	AP75     *float64 `json:"ap_75"`
	APSmall  *float64 `json:"ap_small"`  // objects below 32² pixels
	APMedium *float64 `json:"ap_medium"` // 32² to 96²
	APLarge  *float64 `json:"ap_large"`
	AR1      *float64 `json:"ar_1"` // average recall with the best detection of a class and picture
	AR10     *float64 `json:"ar_10"`
	AR100    *float64 `json:"ar_100"`
	ARSmall  *float64 `json:"ar_small"`
	ARMedium *float64 `json:"ar_medium"`
	ARLarge  *float64 `json:"ar_large"`
}

// ClassReport has the figures of a class.
type ClassReport struct {
	Name       string   `json:"name"`
	Objects    int      `json:"objects"`
	Detections int      `json:"detections"`
	VOC07      *float64 `json:"ap_voc2007"`
	Area       *float64 `json:"ap"`
	COCO       *float64 `json:"coco_ap"`
	COCO50     *float64 `json:"coco_ap_50"`
	COCO75     *float64 `json:"coco_ap_75"`
}

// NewReport measures detections by [VOC] in both forms and by [COCO].
func NewReport(pictures []Picture, classes []string) (*Report, error) {
	area, err := VOC(pictures, classes, VOCOptions{})
	if err != nil {
		return nil, err
	}
	eleven, err := VOC(pictures, classes, VOCOptions{Form: ElevenPoints})
	if err != nil {
		return nil, err
	}
	coco, err := COCO(pictures, classes)
	if err != nil {
		return nil, err
	}
	r := &Report{Pictures: len(pictures), VOC07: known(eleven.Mean), Area: known(area.Mean), curves: area.Classes, COCO: figuresOf(coco)}
	for _, p := range pictures {
		r.Detections += len(p.Detections)
	}
	for c, name := range classes {
		own := area.Classes[c]
		r.Objects += own.Objects
		r.Difficult += own.Difficult
		r.Classes = append(r.Classes, ClassReport{
			Name: name, Objects: own.Objects, Detections: own.Detections, VOC07: known(eleven.Classes[c].AP), Area: known(own.AP),
			COCO: known(coco.Classes[c].AP), COCO50: known(coco.Classes[c].AP50), COCO75: known(coco.Classes[c].AP75),
		})
	}
	return r, nil
}

// MeasureMasks adds the figures of masks, which all objects and detections of the pictures need.
func (r *Report) MeasureMasks(pictures []Picture, classes []string) error {
	coco, err := COCOMasks(pictures, classes)
	if err != nil {
		return err
	}
	r.Masks = &MaskReport{COCOFigures: figuresOf(coco)}
	for _, c := range coco.Classes {
		r.Masks.Classes = append(r.Masks.Classes, MaskClass{c.Name, known(c.AP), known(c.AP50), known(c.AP75)})
	}
	return nil
}

func figuresOf(r COCOResult) COCOFigures {
	return COCOFigures{
		known(r.AP), known(r.AP50), known(r.AP75), known(r.APSmall), known(r.APMedium), known(r.APLarge),
		known(r.AR1), known(r.AR10), known(r.AR100), known(r.ARSmall), known(r.ARMedium), known(r.ARLarge),
	}
}

// known returns a figure; nil for NaN.
func known(v float64) *float64 {
	if math.IsNaN(v) {
		return nil
	}
	return &v
}

// Percent writes a figure of a report, such as "91.2 %"; "–" for nil.
func Percent(v *float64) string {
	if v == nil {
		return "–"
	}
	return fmt.Sprintf("%.1f %%", 100**v)
}

// String returns a table of the classes, with the means in the last line, and then one of their masks.
func (r *Report) String() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "class\tobjects\tdetections\tAP@0.5\t11 points\tAP@0.5:0.95\t")
	for _, c := range r.Classes {
		fmt.Fprintf(w, "%s\t%d\t%d\t%s\t%s\t%s\t\n", c.Name, c.Objects, c.Detections, Percent(c.Area), Percent(c.VOC07), Percent(c.COCO))
	}
	fmt.Fprintf(w, "mean\t%d\t%d\t%s\t%s\t%s\t\n", r.Objects, r.Detections, Percent(r.Area), Percent(r.VOC07), Percent(r.COCO.AP))
	if r.Masks != nil {
		fmt.Fprintln(w, "masks\t\t\tAP@0.5\tAP@0.75\tAP@0.5:0.95\t")
		for _, c := range r.Masks.Classes {
			fmt.Fprintf(w, "%s\t\t\t%s\t%s\t%s\t\n", c.Name, Percent(c.AP50), Percent(c.AP75), Percent(c.AP))
		}
		fmt.Fprintf(w, "mean\t\t\t%s\t%s\t%s\t\n", Percent(r.Masks.AP50), Percent(r.Masks.AP75), Percent(r.Masks.AP))
	}
	w.Flush()
	return b.String()
}

// Plot writes the precision-recall curves at IoU 0.5 to a PNG file, a panel for each class with objects, the first 400 of them.
func (r *Report) Plot(path string) error {
	var all []plots.Series
	for _, c := range r.curves {
		if c.Objects == 0 || len(all) == plots.MaxPanels {
			continue
		}
		s := plots.Series{Name: fmt.Sprintf("%s   AP %s", c.Name, Percent(known(c.AP)))}
		for i, p := range c.Curve {
			if i == 0 {
				s.X, s.Y = append(s.X, 0), append(s.Y, p.Precision)
			}
			s.X, s.Y = append(s.X, p.Recall), append(s.Y, p.Precision)
		}
		all = append(all, s)
	}
	if len(all) == 0 {
		return fmt.Errorf("%s: no class has objects, so there is no curve to draw; measure on pictures with boxes", path)
	}
	return plots.Panels(path, plots.Axes{Title: fmt.Sprintf("Precision and recall at IoU 0.5, mAP %s", Percent(r.Area)), X: "recall", Y: "precision"}, all...)
}
