package detect

import (
	"fmt"
	"math"

	"github.com/bestiary-ml/bestiary/data/boxes"
	"github.com/bestiary-ml/bestiary/fault"
)

// maxPriors bounds the number of priors of a picture.
const maxPriors = 1 << 24

// Grid is the size of a feature map.
type Grid struct{ Height, Width int }

// DefaultBoxes are SSD's priors (Liu et al., 2016): at each place of feature map k a square of side s_k, one of side
// √(s_k·s_{k+1}), and for each aspect ratio a one of s_k·√a × s_k/√a and one of s_k/√a × s_k·√a. It is torchvision's
// DefaultBoxGenerator.
type DefaultBoxes struct {
	AspectRatios [][]float64 `json:"aspect_ratios"` // of each feature map, without 1
	Scales       []float64   `json:"scales"`        // s_k as shares of the picture's side, one more than feature maps
	Steps        []int       `json:"steps"`         // pixels between places of a feature map; nil: the picture divided by the map
	Clip         bool        `json:"clip"`          // clip sizes to the picture; torchvision's default
}

// SSD300 returns the default boxes of SSD300 for the scales of a dataset: 0.1 to 1.05 for Pascal VOC, 0.07 to 1.05 for COCO,
// which torchvision has. There are 4, 6, 6, 6, 4 and 4 boxes a place on maps of 38, 19, 10, 5, 3 and 1, 8,732 in all.
func SSD300(coco bool) DefaultBoxes {
	d := DefaultBoxes{
		AspectRatios: [][]float64{{2}, {2, 3}, {2, 3}, {2, 3}, {2}, {2}},
		Scales:       []float64{0.1, 0.2, 0.37, 0.54, 0.71, 0.88, 1.05},
		Steps:        []int{8, 16, 32, 64, 100, 300},
		Clip:         true,
	}
	if coco {
		d.Scales = []float64{0.07, 0.15, 0.33, 0.51, 0.69, 0.87, 1.05}
	}
	return d
}

// SSD300Grids are the feature maps of SSD300.
func SSD300Grids() []Grid { return []Grid{{38, 38}, {19, 19}, {10, 10}, {5, 5}, {3, 3}, {1, 1}} }

// Validate returns a [*fault.FieldError] for a value that is not allowed.
func (d DefaultBoxes) Validate() error {
	maps := len(d.AspectRatios)
	if maps == 0 {
		return fault.Field("AspectRatios", d.AspectRatios, "must have a list for each feature map, which may be empty")
	}
	if err := positive("AspectRatios", d.AspectRatios...); err != nil {
		return err
	}
	if len(d.Scales) != maps+1 {
		return fault.Field("Scales", d.Scales, "must be %d numbers, one more than AspectRatios", maps+1)
	}
	if err := positive("Scales", d.Scales); err != nil {
		return err
	}
	if d.Steps != nil && len(d.Steps) != maps {
		return fault.Field("Steps", d.Steps, "must be %d numbers, one for each of AspectRatios", maps)
	}
	for _, s := range d.Steps {
		if s < 1 {
			return fault.Field("Steps", d.Steps, "must be 1 or more")
		}
	}
	return nil
}

// PerPlace returns the number of boxes at a place of each feature map.
func (d DefaultBoxes) PerPlace() []int {
	n := make([]int, len(d.AspectRatios))
	for k, ratios := range d.AspectRatios {
		n[k] = 2 + 2*len(ratios)
	}
	return n
}

// Boxes returns the boxes for a picture in pixels: by feature map, row, column, and size. Like torchvision's, they may reach
// beyond the picture.
func (d DefaultBoxes) Boxes(width, height int, grids []Grid) ([]Box, error) {
	if err := d.Validate(); err != nil {
		return nil, err
	}
	if err := checkGrids(width, height, grids, d.PerPlace()); err != nil {
		return nil, err
	}
	var all []Box
	for k, g := range grids {
		columns, rows := float64(g.Width), float64(g.Height)
		if d.Steps != nil {
			columns, rows = float64(width)/float64(d.Steps[k]), float64(height)/float64(d.Steps[k])
		}
		sizes := d.sizes(k)
		for y := range g.Height {
			for x := range g.Width {
				for _, s := range sizes {
					b := boxes.FromCenter((float64(x)+0.5)/columns, (float64(y)+0.5)/rows, s[0], s[1])
					all = append(all, b.Scale(float64(width), float64(height)))
				}
			}
		}
	}
	return all, nil
}

// sizes returns the widths and heights at a place of feature map k, as shares of the picture.
func (d DefaultBoxes) sizes(k int) [][2]float64 {
	side := d.Scales[k]
	between := math.Sqrt(side * d.Scales[k+1])
	sizes := [][2]float64{{side, side}, {between, between}}
	for _, ratio := range d.AspectRatios[k] {
		long, short := side*math.Sqrt(ratio), side/math.Sqrt(ratio)
		sizes = append(sizes, [2]float64{long, short}, [2]float64{short, long})
	}
	if d.Clip {
		for i, s := range sizes {
			sizes[i] = [2]float64{min(s[0], 1), min(s[1], 1)}
		}
	}
	return sizes
}

// positive returns a [*fault.FieldError] unless all numbers are finite and above 0.
func positive(field string, lists ...[]float64) error {
	for _, list := range lists {
		for _, v := range list {
			if !(v > 0) || math.IsInf(v, 0) {
				return fault.Field(field, v, "must be above 0")
			}
		}
	}
	return nil
}

// checkGrids checks what the priors of a picture are made for.
func checkGrids(width, height int, grids []Grid, perPlace []int) error {
	if width < 1 || height < 1 {
		return fmt.Errorf("detect: a picture of %d×%d pixels has no priors; give 1 or more", width, height)
	}
	if len(grids) != len(perPlace) {
		return fmt.Errorf("detect: %d feature maps, and priors are configured for %d; give as many", len(grids), len(perPlace))
	}
	total := 0
	for k, g := range grids {
		if g.Width < 1 || g.Height < 1 || g.Width > maxPriors || g.Height > maxPriors {
			return fmt.Errorf("detect: feature map %d is %d×%d; give 1 or more", k, g.Width, g.Height)
		}
		if total += g.Width * g.Height * perPlace[k]; total > maxPriors {
			return fmt.Errorf("detect: feature map %d of %d×%d makes more than %d priors; give smaller pictures", k, g.Width, g.Height, maxPriors)
		}
	}
	return nil
}
