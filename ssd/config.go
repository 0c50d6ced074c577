package ssd

import (
	"cmp"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/backbone"
	"github.com/bestiary-ml/bestiary/detect"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/require"
)

// Names of backbones that this package has itself.
const (
	VGG16 = "vgg16" // VGG16 with dilated fc6 and fc7 as convolutions: torchvision's ssd300_vgg16
	Small = "small" // a small residual network
)

// Losses of the boxes, values of Config.Regression.
const (
	SmoothL1 = "smooth-l1" // of the four numbers that a prior predicts (Girshick, 2015)
	GIoU     = "giou"      // 1 − GIoU of the predicted box, see package detect
	DIoU     = "diou"      // 1 − DIoU
	CIoU     = "ciou"      // 1 − CIoU
)

// Config has the sizes of a detector, its priors, and the settings of its loss and of its detections.
type Config struct {
	Backbone   string              `json:"backbone"`             // "vgg16", "small", or a name of package backbone
	Pretrained bool                `json:"pretrained,omitempty"` // the backbone's weights are loaded: its batch normalization keeps its statistics
	ImageSize  int                 `json:"image_size"`           // height and width of a picture in pixels
	Classes    int                 `json:"classes"`              // without the background
	Priors     detect.DefaultBoxes `json:"priors"`               // a list of AspectRatios for each feature map
	Frozen     int                 `json:"frozen,omitempty"`     // first stages of the backbone whose weights are not trained, up to 4, or 5 of vgg16 and small

	MatchIoU       float64 `json:"match_iou"`       // IoU from which a prior is matched to an object
	Negatives      float64 `json:"negatives"`       // hard negatives for each matched prior of a picture
	EmptyNegatives int     `json:"empty_negatives"` // hard negatives of a picture without objects; torchvision's has none
	Regression     string  `json:"regression"`      // "smooth-l1", "giou", "diou" or "ciou"

	MinScore float64 `json:"min_score"` // detections have a higher score
	NMS      float64 `json:"nms"`       // IoU above which a detection of the same class and a lower score is removed
	TopK     int     `json:"top_k"`     // detections of a class before non-maximum suppression
	MaxFound int     `json:"max_found"` // detections of a picture
}

// Limits of what a mistake or a damaged file can allocate.
const (
	minSide       = 32
	maxSide       = 1024
	maxClasses    = 1 << 12
	maxMaps       = 6
	minVGG        = 48 // pixels, so that all pooling has something to pool
	maxRatios     = 8
	maxParameters = 500_000_000
)

// VOC returns a configuration with the scales that Pascal VOC has in the paper, 0.1 to 1.05 of the side.
func VOC(backbone string, imageSize, classes int) Config {
	return preset(backbone, imageSize, classes, 0.1, 0.2)
}

// COCO returns a configuration with the scales for COCO, which has smaller objects: 0.07 to 1.05 of the side.
func COCO(backbone string, imageSize, classes int) Config {
	return preset(backbone, imageSize, classes, 0.07, 0.15)
}

// Torchvision returns the configuration of ssd300_vgg16.
func Torchvision(classes int) Config {
	c := COCO(VGG16, 300, classes)
	c.EmptyNegatives = 0
	return c
}

// preset has as many feature maps as the picture has place for, up to six. Scales rise from first to second, and then evenly to
// 1.05.
func preset(backbone string, imageSize, classes int, first, second float64) Config {
	c := Config{
		Backbone: backbone, ImageSize: imageSize, Classes: classes,
		MatchIoU: 0.5, Negatives: 3, EmptyNegatives: 3, Regression: SmoothL1,
		MinScore: 0.01, NMS: 0.45, TopK: 400, MaxFound: 200,
	}
	grids := c.grids(maxMaps)
	n := len(grids)
	c.Priors = detect.DefaultBoxes{Scales: []float64{first}, Clip: true}
	for k := range n {
		c.Priors.Scales = append(c.Priors.Scales, round(second+(1.05-second)*float64(k)/float64(max(n-1, 1))))
		ratios := []float64{2, 3}
		if k == 0 || k >= n-2 {
			ratios = []float64{2}
		}
		c.Priors.AspectRatios = append(c.Priors.AspectRatios, ratios)
	}
	if slices.Equal(grids, detect.SSD300Grids()) && imageSize == 300 {
		c.Priors.Steps = detect.SSD300(true).Steps
	}
	return c
}

// round removes the rounding error of a sum of hundredths.
func round(v float64) float64 { return float64(int(v*1e6+0.5)) / 1e6 }

// Maps is the number of feature maps.
func (c Config) Maps() int { return len(c.Priors.AspectRatios) }

// Grids are the sizes of the feature maps.
func (c Config) Grids() []detect.Grid { return c.grids(c.Maps()) }

// grids returns the sizes of up to n feature maps: those of the backbone, and of extra layers until one has a single place.
func (c Config) grids(n int) []detect.Grid {
	var sides []int
	side := c.ImageSize
	if c.Backbone == VGG16 {
		side = (side/2/2 + 1) / 2 // two poolings round down, the third up
		sides = []int{side, side / 2}
	} else {
		for stride := 2; stride <= 32; stride *= 2 {
			if side = (side + 1) / 2; stride >= 8 {
				sides = append(sides, side)
			}
		}
	}
	for len(sides) < n && sides[len(sides)-1] > 1 {
		sides = append(sides, extraSide(sides[len(sides)-1]))
	}
	grids := make([]detect.Grid, min(n, len(sides)))
	for k := range grids {
		grids[k] = detect.Grid{Height: sides[k], Width: sides[k]}
	}
	return grids
}

// own is the number of feature maps that the backbone makes without extra layers.
func (c Config) own() int {
	if c.Backbone == VGG16 {
		return 2
	}
	return 3
}

// stages is the number of stages that Frozen counts.
func (c Config) stages() int {
	if c.Backbone == VGG16 || c.Backbone == Small {
		return stages
	}
	return netStages
}

// Validate returns a [*fault.FieldError] for a value that is not allowed.
func (c Config) Validate() error {
	least := minSide
	switch c.Backbone {
	case VGG16:
		least = minVGG
	case Small:
		if c.Pretrained {
			return fault.Field("Pretrained", c.Pretrained, "must be false with the Backbone %s, for which there are no weights", Small)
		}
	default:
		if _, err := backbone.PooledFeatures(c.Backbone); err != nil {
			return fault.Field("Backbone", c.Backbone, "must be %s or one of %s", Small, strings.Join(backbone.Names(), ", "))
		}
	}
	err := cmp.Or(
		require.Sizes(
			require.Size{Field: "ImageSize", Value: c.ImageSize, Min: least, Max: maxSide},
			require.Size{Field: "Classes", Value: c.Classes, Min: 1, Max: maxClasses},
			require.Size{Field: "Frozen", Value: c.Frozen, Min: 0, Max: c.stages()},
			require.Size{Field: "EmptyNegatives", Value: c.EmptyNegatives, Min: 0, Max: 1 << 20},
			require.Size{Field: "TopK", Value: c.TopK, Min: 1, Max: 1 << 20},
			require.Size{Field: "MaxFound", Value: c.MaxFound, Min: 1, Max: 1 << 20},
		),
		require.Between("MatchIoU", c.MatchIoU, 0, 1),
		require.Between("Negatives", c.Negatives, 0, 1e6),
		require.Between("MinScore", c.MinScore, 0, 1),
		require.Between("NMS", c.NMS, 0, 1),
		c.Priors.Validate(),
	)
	if err != nil {
		return err
	}
	switch c.Regression {
	case SmoothL1, GIoU, DIoU, CIoU:
	default:
		return fault.Field("Regression", c.Regression, "must be %s, %s, %s or %s", SmoothL1, GIoU, DIoU, CIoU)
	}
	if n := c.Maps(); n < c.own() || n > maxMaps || n != len(c.Grids()) {
		return fault.Field("AspectRatios", c.Priors.AspectRatios, "must be %d to %d lists, one for each feature map that pictures of %d pixels have place for",
			c.own(), len(c.grids(maxMaps)), c.ImageSize)
	}
	for _, ratios := range c.Priors.AspectRatios {
		if len(ratios) > maxRatios {
			return fault.Field("AspectRatios", c.Priors.AspectRatios, "must be at most %d for a feature map", maxRatios)
		}
	}
	if _, err := c.priors(c.Grids()); err != nil {
		return err
	}
	return require.Parameters("Classes", c.Classes, c.headParameters(), maxParameters, "AspectRatios")
}

// headParameters is an upper bound of the number of weights of the heads.
func (c Config) headParameters() int {
	n := 0
	for _, perPlace := range c.Priors.PerPlace() {
		n += 9 * 2048 * perPlace * (c.Classes + 5)
	}
	return n
}

// priors returns the default boxes in pixels.
func (c Config) priors(grids []detect.Grid) ([]detect.Box, error) {
	return c.Priors.Boxes(c.ImageSize, c.ImageSize, grids)
}
