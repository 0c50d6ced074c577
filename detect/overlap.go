package detect

import (
	"math"

	"github.com/bestiary-ml/bestiary/data/boxes"
)

// Box is a box in corner form.
type Box = boxes.Box

// eps is added to denominators, as in torchvision.
const eps = 1e-7

// IoU returns the intersection over union of two boxes, 0 to 1.
func IoU(a, b Box) float64 { return a.IoU(b) }

// GIoU returns the generalized IoU of two boxes, −1 to 1 (Rezatofighi et al., 2019).
func GIoU(a, b Box) float64 {
	iou := a.IoU(b)
	around := a.Enclose(b).Area()
	if around == 0 {
		return iou
	}
	union := a.Area() + b.Area() - a.Intersect(b).Area()
	return iou - (around-union)/around
}

// DIoU returns the distance IoU of two boxes (Zheng et al., 2020).
func DIoU(a, b Box) float64 {
	_, _, width, height := a.Enclose(b).Size()
	ax, ay, _, _ := a.Center()
	bx, by, _, _ := b.Center()
	return a.IoU(b) - ((ax-bx)*(ax-bx)+(ay-by)*(ay-by))/(width*width+height*height+eps)
}

// CIoU returns the complete IoU of two boxes (Zheng et al., 2020).
func CIoU(a, b Box) float64 {
	difference := math.Atan(a.Width()/a.Height()) - math.Atan(b.Width()/b.Height())
	v := 4 / (math.Pi * math.Pi) * difference * difference
	return DIoU(a, b) - v*v/(1-a.IoU(b)+v+eps)
}

// Pairwise returns a measure of all pairs of boxes, [len(a)][len(b)]: torchvision's box_iou for [IoU], generalized_box_iou
// for [GIoU] and so on.
func Pairwise(measure func(a, b Box) float64, a, b []Box) [][]float64 {
	rows := make([][]float64, len(a))
	for i := range a {
		rows[i] = make([]float64, len(b))
		for j := range b {
			rows[i][j] = measure(a[i], b[j])
		}
	}
	return rows
}
