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

// read returns the bins [R·size², width] of boxes of each picture in coordinates of the batch, each box in the map for its size.
func (m *Model) read(v *view, boxes [][]detect.Box, size int) *tensor.Tensor {
	var regions []detect.Region
	for picture, own := range boxes {
		for _, b := range own {
			regions = append(regions, detect.Region{Map: m.mapOf(b), Picture: picture, Box: b})
		}
	}
	used := len(v.maps) - 1 // P6 is for proposals only
	return m.config.Align(size).Features(v.maps[:used], v.scales[:used], regions)
}

// Align is how a region is read, for size bins along each side.
func (c Config) Align(size int) detect.ROIAlign {
	if c.Conventions == matterport {
		return detect.ROIAlign{Size: size, Corners: true}
	}
	return detect.ROIAlign{Size: size, Sampling: sampling}
}

// Scale is the scale of a feature map: its size divided by that of the batch, both along one side.
func (c Config) Scale(places, pixels int) float64 {
	if c.Conventions == matterport { // from the first to the last
		return float64(places-1) / float64(pixels-1)
	}
	return float64(places) / float64(pixels)
}

// mapOf returns the index of the map for a box, one of the backbone's: P2 to P5 at strides of 4 to 32.
func (m *Model) mapOf(b detect.Box) int {
	strides := m.backbone.Strides()
	finest := math.Round(math.Log2(float64(strides[0])))
	return int(min(max(m.config.level(b)-finest, 0), float64(len(strides)-1)))
}
