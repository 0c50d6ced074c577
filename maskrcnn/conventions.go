package maskrcnn

import (
	"math"
	"slices"

	"github.com/bestiary-ml/bestiary/detect"
	"github.com/bestiary-ml/bestiary/fault"
)

// matterport is the value of Config.Conventions for those of [Matterport].
const matterport = "matterport"

// Matterport returns the configuration of matterport's Mask_RCNN (Abdulla, 2017), as it was trained on COCO. backbone is resnet50 or
// resnet101. It computes what that program computes:
//
//   - The backbone halves the resolution in the first convolution of a stage, not in its 3×3 one. Its constant batch normalization is
//     part of the convolutions, so the weights come from a file: the program itself leaves it constant in training.
//   - A picture is in the middle of a black square with sides of MaxSide. See [Config.Corner].
//   - Boxes reach from the centre of their first pixel to that of their last one.
//   - Proposals of all maps compete. A region is read at one point a bin, from corner to corner, in the map whose level is rounded to
//     the nearest.
//   - A proposal is a detection of its most probable class only.
//
// Where the program says the same in other numbers, an importer translates them: a softmax of two is a sigmoid of their difference,
// and deviations of box codes are factors of the weights. Boxes without an extent are left out, such as those that lie in the padding;
// the program keeps some as a line of pixels. Losses and pasted masks are those of this package.
func Matterport(backbone string, classes int) Config {
	c := Torchvision(backbone, classes)
	c.Conventions, c.MaxSide, c.ProposalWidth = matterport, 1024, 512
	c.Anchors.Exact = true
	for _, ratios := range c.Anchors.AspectRatios {
		slices.Reverse(ratios) // its ratios are width/height, in the same order
	}
	c.Proposals.TrainBefore, c.Proposals.Before = 6000, 6000
	c.Boxes.Sampled, c.Boxes.Positive, c.Boxes.MinScore, c.Boxes.NMS = 200, 0.33, 0.7, 0.3
	return c
}

// validateConventions returns a [*fault.FieldError] for what the conventions don't allow.
func (c Config) validateConventions() error {
	switch {
	case c.Conventions == "":
	case c.Conventions != matterport:
		return fault.Field("Conventions", c.Conventions, "must be empty or %s", matterport)
	case c.blocks() == [4]int{}:
		return fault.Field("Backbone", c.Backbone, "must be resnet50 or resnet101 with the conventions of %s", matterport)
	case c.Pretrained:
		return fault.Field("Pretrained", c.Pretrained, "must be false with the conventions of %s, whose backbone is in the file of the model", matterport)
	case c.MaxSide%(2*stride) != 0:
		return fault.Field("MaxSide", c.MaxSide, "must be a multiple of %d with the conventions of %s", 2*stride, matterport)
	}
	return nil
}

// Corner returns where a picture of that size is in its batch: the place of its first pixel.
func (c Config) Corner(size Size) (x, y int) {
	if c.Conventions == matterport {
		return (c.MaxSide - size.Width) / 2, (c.MaxSide - size.Height) / 2
	}
	return 0, 0
}

// place is where a picture is in its batch. Boxes of proposals and detections are computed in coordinates of the batch.
type place struct {
	x, y   float64
	last   float64    // from the edge of a box to the coordinate where it ends: 1 if boxes end at the centre of a pixel
	window detect.Box // of the picture, which detections don't leave
	frame  detect.Box // which proposals don't leave
}

// place returns that of a picture.
func (c Config) place(size Size) place {
	picture := detect.Box{X1: float64(size.Width), Y1: float64(size.Height)}
	if c.Conventions != matterport {
		return place{window: picture, frame: picture}
	}
	x, y := c.Corner(size)
	p := place{x: float64(x), y: float64(y), last: 1}
	p.window = p.into(picture)
	p.frame = detect.Box{X1: float64(c.MaxSide - 1), Y1: float64(c.MaxSide - 1)}
	return p
}

// into returns a box of the picture in coordinates of the batch, outOf the reverse.
func (p place) into(b detect.Box) detect.Box {
	return detect.Box{X0: b.X0 + p.x, Y0: b.Y0 + p.y, X1: b.X1 + p.x - p.last, Y1: b.Y1 + p.y - p.last}
}

func (p place) outOf(b detect.Box) detect.Box {
	return detect.Box{X0: b.X0 - p.x, Y0: b.Y0 - p.y, X1: b.X1 - p.x + p.last, Y1: b.Y1 - p.y + p.last}
}

// clip returns the part of a box within another; its sides are 0 if it is outside.
func clip(b, within detect.Box) detect.Box {
	x := func(v float64) float64 { return min(max(v, within.X0), within.X1) }
	y := func(v float64) float64 { return min(max(v, within.Y0), within.Y1) }
	return detect.Box{X0: x(b.X0), Y0: y(b.Y0), X1: x(b.X1), Y1: y(b.Y1)}
}

// level returns which map a box is read in, before rounding and limits: 4 for one of 224×224 pixels, the size of ImageNet's pictures
// (Lin et al., 2017).
func (c Config) level(b detect.Box) float64 {
	side := math.Sqrt(float64(float32(b.Width()) * float32(b.Height())))
	if c.Conventions == matterport { // the side is a share of the picture's, counted between pixels
		return math.RoundToEven(canonicalLevel + math.Log2(side/float64(c.MaxSide-1)*float64(c.MaxSide)/canonicalSide))
	}
	return math.Floor(canonicalLevel + math.Log2(side/canonicalSide) + 1e-6)
}

// detects reports whether a proposal with these probabilities, of the background first, is a detection of a class.
func (c Config) detects(probabilities []float32, class int) bool {
	p, least := probabilities[class], float32(c.Boxes.MinScore)
	if c.Conventions == matterport {
		return p >= least && slices.Index(probabilities, slices.Max(probabilities)) == class
	}
	return p > least
}
