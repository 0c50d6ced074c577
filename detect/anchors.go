package detect

import (
	"math"

	"github.com/bestiary-ml/bestiary/fault"
)

// Anchors are the priors of Faster R-CNN (Ren et al., 2015): at each place of a feature map, a box for each aspect ratio and
// each size. It is torchvision's AnchorGenerator.
type Anchors struct {
	Sizes        [][]float64 `json:"sizes"`           // of each feature map: √area in pixels
	AspectRatios [][]float64 `json:"aspect_ratios"`   // of each feature map: height/width
	Exact        bool        `json:"exact,omitempty"` // sides are not rounded to whole pixels
}

// FPNAnchors returns the anchors of a feature pyramid, as in torchvision's maskrcnn_resnet50_fpn: sizes 32 to 512, one a map,
// and ratios 1/2, 1 and 2.
func FPNAnchors() Anchors {
	var a Anchors
	for size := 32.; size <= 512; size *= 2 {
		a.Sizes = append(a.Sizes, []float64{size})
		a.AspectRatios = append(a.AspectRatios, []float64{0.5, 1, 2})
	}
	return a
}

// Validate returns a [*fault.FieldError] for a value that is not allowed.
func (a Anchors) Validate() error {
	if len(a.Sizes) == 0 {
		return fault.Field("Sizes", a.Sizes, "must have a list for each feature map")
	}
	if len(a.AspectRatios) != len(a.Sizes) {
		return fault.Field("AspectRatios", a.AspectRatios, "must be %d lists, one for each of Sizes", len(a.Sizes))
	}
	for k := range a.Sizes {
		if len(a.Sizes[k]) == 0 {
			return fault.Field("Sizes", a.Sizes, "must have a size for each feature map")
		}
		if len(a.AspectRatios[k]) == 0 {
			return fault.Field("AspectRatios", a.AspectRatios, "must have a ratio for each feature map")
		}
	}
	if err := positive("Sizes", a.Sizes...); err != nil {
		return err
	}
	return positive("AspectRatios", a.AspectRatios...)
}

// PerPlace returns the number of boxes at a place of each feature map.
func (a Anchors) PerPlace() []int {
	n := make([]int, len(a.Sizes))
	for k := range a.Sizes {
		n[k] = len(a.Sizes[k]) * len(a.AspectRatios[k])
	}
	return n
}

// Boxes returns the anchors for a picture in pixels: by feature map, row, column, aspect ratio and size. They may reach beyond
// the picture.
func (a Anchors) Boxes(width, height int, grids []Grid) ([]Box, error) {
	if err := a.Validate(); err != nil {
		return nil, err
	}
	if err := checkGrids(width, height, grids, a.PerPlace()); err != nil {
		return nil, err
	}
	var all []Box
	for k, g := range grids {
		strideX, strideY := float64(width/g.Width), float64(height/g.Height)
		base := a.Base(k)
		for y := range g.Height {
			for x := range g.Width {
				for _, b := range base {
					all = append(all, b.Shift(float64(x)*strideX, float64(y)*strideY))
				}
			}
		}
	}
	return all, nil
}

// Base returns the anchors of feature map k around the origin, rounded to whole pixels as in torchvision unless they are exact.
func (a Anchors) Base(k int) []Box {
	var all []Box
	for _, ratio := range a.AspectRatios[k] {
		for _, size := range a.Sizes[k] {
			x, y := size/math.Sqrt(ratio)/2, size*math.Sqrt(ratio)/2
			if !a.Exact {
				x, y = math.RoundToEven(x), math.RoundToEven(y)
			}
			all = append(all, Box{X0: -x, Y0: -y, X1: x, Y1: y})
		}
	}
	return all
}
