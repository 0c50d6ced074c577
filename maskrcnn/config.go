package maskrcnn

import (
	"cmp"
	"strings"

	"github.com/bestiary-ml/bestiary/backbone"
	"github.com/bestiary-ml/bestiary/detect"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/require"
)

// Config has the sizes of a model, and the settings of its losses and of its detections.
type Config struct {
	Backbone   string `json:"backbone"`             // a name of package backbone
	Pretrained bool   `json:"pretrained,omitempty"` // the backbone's weights are loaded: its batch normalization keeps its statistics
	Frozen     int    `json:"frozen,omitempty"`     // first stages of the backbone whose weights are not trained, up to 4
	Classes    int    `json:"classes"`              // without the background

	Conventions string `json:"conventions,omitempty"` // "": those of torchvision; "matterport": see [Matterport]

	MinSide int `json:"min_side"` // of a picture: its shorter side becomes as long,
	MaxSide int `json:"max_side"` // but its longer one at most as long as this

	Width         int `json:"width"`                    // channels of the pyramid
	ProposalWidth int `json:"proposal_width,omitempty"` // channels between the convolutions of region proposals; 0: Width
	HeadWidth     int `json:"head_width"`               // numbers between the two linear layers of the box head
	MaskWidth     int `json:"mask_width"`               // channels of the mask head

	Anchors   detect.Anchors `json:"anchors"` // of P2 to P6
	Proposals Proposals      `json:"proposals"`
	Boxes     Boxes          `json:"boxes"`
	MaskSize  int            `json:"mask_size"` // places along each side of a region for the mask head; a mask has twice as many pixels
}

// Proposals are the settings of region proposals.
type Proposals struct {
	High     float64 `json:"high"`     // IoU with an object from which an anchor is to find it
	Low      float64 `json:"low"`      // IoU with all objects below which an anchor is background; those between are not trained
	Sampled  int     `json:"sampled"`  // anchors of a picture in the loss
	Positive float64 `json:"positive"` // largest share of them with an object

	TrainBefore int     `json:"train_before"` // proposals of a map before non-maximum suppression, in training
	TrainAfter  int     `json:"train_after"`  // proposals of a picture after it, in training
	Before      int     `json:"before"`       // the same in evaluation
	After       int     `json:"after"`
	NMS         float64 `json:"nms"` // IoU above which a proposal of the same map with a lower score is removed
}

// Boxes are the settings of the box head.
type Boxes struct {
	Size     int     `json:"size"`      // places along each side of a region
	IoU      float64 `json:"iou"`       // IoU with an object from which a proposal is to name it
	Sampled  int     `json:"sampled"`   // proposals of a picture in the loss
	Positive float64 `json:"positive"`  // largest share of them with an object
	MinScore float64 `json:"min_score"` // detections have a higher score
	NMS      float64 `json:"nms"`       // IoU above which a detection of the same class and a lower score is removed
	MaxFound int     `json:"max_found"` // detections of a picture
}

// Limits of what a mistake or a damaged file can allocate.
const (
	minSide       = 64
	maxSide       = 4096
	maxClasses    = 1 << 12
	maxCount      = 1 << 20
	maxParameters = 1_000_000_000
	levels        = 5 // maps of the pyramid
)

// Torchvision returns the configuration of torchvision's maskrcnn_resnet50_fpn, with another backbone if one is named.
func Torchvision(backbone string, classes int) Config {
	return Config{
		Backbone: cmp.Or(backbone, "resnet50"), Classes: classes, MinSide: 800, MaxSide: 1333,
		Width: 256, HeadWidth: 1024, MaskWidth: 256, Anchors: detect.FPNAnchors(),
		Proposals: Proposals{
			High: 0.7, Low: 0.3, Sampled: 256, Positive: 0.5,
			TrainBefore: 2000, TrainAfter: 2000, Before: 1000, After: 1000, NMS: 0.7,
		},
		Boxes:    Boxes{Size: 7, IoU: 0.5, Sampled: 512, Positive: 0.25, MinScore: 0.05, NMS: 0.5, MaxFound: 100},
		MaskSize: 14,
	}
}

// Validate returns a [*fault.FieldError] for a value that is not allowed.
func (c Config) Validate() error {
	if _, err := backbone.PooledFeatures(c.Backbone); err != nil {
		return fault.Field("Backbone", c.Backbone, "must be one of %s", strings.Join(backbone.Names(), ", "))
	}
	p, b := c.Proposals, c.Boxes
	err := cmp.Or(
		require.Sizes(
			require.Size{Field: "Frozen", Value: c.Frozen, Min: 0, Max: 4},
			require.Size{Field: "Classes", Value: c.Classes, Min: 1, Max: maxClasses},
			require.Size{Field: "MinSide", Value: c.MinSide, Min: minSide, Max: maxSide},
			require.Size{Field: "MaxSide", Value: c.MaxSide, Min: c.MinSide, Max: maxSide},
			require.Size{Field: "Width", Value: c.Width, Min: 1, Max: 4096},
			require.Size{Field: "ProposalWidth", Value: c.ProposalWidth, Min: 0, Max: 4096},
			require.Size{Field: "HeadWidth", Value: c.HeadWidth, Min: 1, Max: 1 << 14},
			require.Size{Field: "MaskWidth", Value: c.MaskWidth, Min: 1, Max: 4096},
			require.Size{Field: "MaskSize", Value: c.MaskSize, Min: 1, Max: 64},
			require.Size{Field: "Proposals.Sampled", Value: p.Sampled, Min: 1, Max: maxCount},
			require.Size{Field: "Proposals.TrainBefore", Value: p.TrainBefore, Min: 1, Max: maxCount},
			require.Size{Field: "Proposals.TrainAfter", Value: p.TrainAfter, Min: 1, Max: maxCount},
			require.Size{Field: "Proposals.Before", Value: p.Before, Min: 1, Max: maxCount},
			require.Size{Field: "Proposals.After", Value: p.After, Min: 1, Max: maxCount},
			require.Size{Field: "Boxes.Size", Value: b.Size, Min: 1, Max: 64},
			require.Size{Field: "Boxes.Sampled", Value: b.Sampled, Min: 1, Max: maxCount},
			require.Size{Field: "Boxes.MaxFound", Value: b.MaxFound, Min: 1, Max: maxCount},
		),
		require.Between("Proposals.High", p.High, 0, 1), require.Between("Proposals.Low", p.Low, 0, p.High),
		require.Between("Proposals.Positive", p.Positive, 0, 1), require.Between("Proposals.NMS", p.NMS, 0, 1),
		require.Between("Boxes.IoU", b.IoU, 0, 1), require.Between("Boxes.Positive", b.Positive, 0, 1),
		require.Between("Boxes.MinScore", b.MinScore, 0, 1), require.Between("Boxes.NMS", b.NMS, 0, 1),
		c.Anchors.Validate(), c.validateConventions(),
	)
	if err != nil {
		return err
	}
	perPlace := c.Anchors.PerPlace()
	if len(perPlace) != levels {
		return fault.Field("Anchors", c.Anchors.Sizes, "must have sizes for the %d maps of the pyramid", levels)
	}
	for _, n := range perPlace {
		if n != perPlace[0] {
			return fault.Field("Anchors", c.Anchors.Sizes, "must have as many anchors at a place of each map, as one head serves all")
		}
	}
	return require.Parameters("HeadWidth", c.HeadWidth, c.headParameters(), maxParameters, "Width, MaskWidth, Classes and Boxes.Size")
}

// headParameters is about the number of weights of pyramid and heads.
func (c Config) headParameters() int {
	n := 4*(2048+9*c.Width)*c.Width + 9*c.Width*max(c.ProposalWidth, c.Width)
	n += c.Boxes.Size*c.Boxes.Size*c.Width*c.HeadWidth + c.HeadWidth*(c.HeadWidth+5*(c.Classes+1))
	return n + 9*c.Width*c.MaskWidth + 9*3*c.MaskWidth*c.MaskWidth + 4*c.MaskWidth*c.MaskWidth + c.MaskWidth*(c.Classes+1)
}

// proposals returns the settings of the mode: proposals of a map before non-maximum suppression and of a picture after it.
func (c Config) proposals(training bool) (before, after int) {
	if training {
		return c.Proposals.TrainBefore, c.Proposals.TrainAfter
	}
	return c.Proposals.Before, c.Proposals.After
}
