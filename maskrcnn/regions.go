package maskrcnn

import (
	"math"

	"github.com/bestiary-ml/bestiary/detect"
	"github.com/bestiary-ml/bestiary/tensor"
)

// canonicalSide and canonicalLevel: a region of 224×224 pixels, the size of ImageNet's pictures, is read in P4 (Lin et al., 2017).
const (
	canonicalSide  = 224
	canonicalLevel = 4
)

// sampling is the number of points along each side of a bin.
const sampling = 2

// read returns the bins [R·size², width] of boxes of each picture, each box in the map for its size.
func (v *view) read(boxes [][]detect.Box, size int) *tensor.Tensor {
	var regions []detect.Region
	for picture, own := range boxes {
		for _, b := range own {
			regions = append(regions, detect.Region{Map: v.level(b), Picture: picture, Box: b})
		}
	}
	used := len(v.maps) - 1 // P6 is for proposals only
	return detect.ROIAlign{Size: size, Sampling: sampling}.Features(v.maps[:used], v.scales[:used], regions)
}

// level returns the index of the map for a box: P2 to P5, by ⌊4 + log₂(√area/224)⌋.
func (v *view) level(b detect.Box) int {
	finest, coarsest := -math.Round(math.Log2(v.scales[0])), -math.Round(math.Log2(v.scales[len(v.scales)-2]))
	side := math.Sqrt(float64(float32(b.Width()) * float32(b.Height())))
	return int(min(max(math.Floor(canonicalLevel+math.Log2(side/canonicalSide)+1e-6), finest), coarsest) - finest)
}
