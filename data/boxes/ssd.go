package boxes

import (
	"math"
	"math/rand/v2"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/fault"
)

// SSD is the augmentation of SSD (Liu et al., 2016, section 2.2): a picture is expanded, cropped around objects, mirrored, and
// its colours are distorted.
type SSD struct {
	Overlaps   []float64 `json:"overlaps"`   // a crop has at least one of these IoU, chosen at random, with an object; see Attempts
	Attempts   int       `json:"attempts"`   // random crops that are tried for an IoU, before another is chosen
	MinScale   float64   `json:"min_scale"`  // least sides of a crop, as a share of the picture's
	MinAspect  float64   `json:"min_aspect"` // least aspect ratio of a crop; its inverse is the largest
	MaxExpand  float64   `json:"max_expand"` // largest sides of an expanded picture, as a multiple; 1: off
	Expand     float64   `json:"expand"`     // probability of an expansion
	Mirror     float64   `json:"mirror"`     // probability of a mirrored picture
	Distort    float64   `json:"distort"`    // probability of each distortion of the colours
	Colour     float64   `json:"colour"`     // largest change of brightness, contrast and saturation, as a share
	Hue        float64   `json:"hue"`        // largest change of the hue, as a share of the circle
	Whole      bool      `json:"whole"`      // one of the choices is the whole picture
	Background [3]uint8  `json:"background"` // what surrounds an expanded picture
}

// DefaultSSD returns the constants of the paper: IoU of 0, 0.1, 0.3, 0.5, 0.7 and 0.9 with 50 attempts, or the whole picture;
// crops of 0.3 to 1 of the sides; an expansion of up to 4 for half of the pictures, with ImageNet's mean around it; half of them
// are mirrored; each distortion of colours for half of them, by up to 50 %, and 18/255 of the hue.
func DefaultSSD() SSD {
	return SSD{
		Overlaps: []float64{0, 0.1, 0.3, 0.5, 0.7, 0.9}, Attempts: 50, MinScale: 0.3, MinAspect: 0.5, Whole: true,
		MaxExpand: 4, Expand: 0.5, Mirror: 0.5, Distort: 0.5, Colour: 0.5, Hue: 18. / 255, Background: [3]uint8{124, 116, 104},
	}
}

// Validate returns a [*fault.FieldError] for a value that is not allowed.
func (a SSD) Validate() error {
	shares := []struct {
		field string
		value float64
	}{{"Expand", a.Expand}, {"Mirror", a.Mirror}, {"Distort", a.Distort}, {"Colour", a.Colour}, {"Hue", a.Hue}}
	for _, overlap := range a.Overlaps {
		shares = append(shares, struct {
			field string
			value float64
		}{"Overlaps", overlap})
	}
	for _, s := range shares {
		if !(s.value >= 0 && s.value <= 1) {
			return fault.Field(s.field, s.value, "must be 0 to 1")
		}
	}
	switch {
	case len(a.Overlaps) > 0 && (a.Attempts < 1 || a.Attempts > 10_000):
		return fault.Field("Attempts", a.Attempts, "must be 1 to 10000")
	case len(a.Overlaps) > 0 && !(a.MinScale > 0 && a.MinScale <= 1):
		return fault.Field("MinScale", a.MinScale, "must be above 0 and at most 1")
	case len(a.Overlaps) > 0 && !(a.MinAspect > 0 && a.MinAspect <= 1):
		return fault.Field("MinAspect", a.MinAspect, "must be above 0 and at most 1")
	case a.Expand > 0 && !(a.MaxExpand >= 1 && a.MaxExpand <= 100):
		return fault.Field("MaxExpand", a.MaxExpand, "must be 1 to 100")
	}
	return nil
}

// View is a variation of a picture: a part of it, or a surface around it.
type View struct {
	Cut        Box // in pixels of the picture; what is beyond has the background's colour
	Mirror     bool
	Colours    []Distortion
	Background [3]uint8
}

// Whole returns the view of a whole picture.
func Whole(width, height int) View { return View{Cut: Box{0, 0, float64(width), float64(height)}} }

// Draw draws a variation of a picture with objects.
func (a SSD) Draw(r *rand.Rand, width, height int, objects []Object) View {
	v := Whole(width, height)
	v.Background = a.Background
	v.Colours = a.colours(r)
	if a.MaxExpand > 1 && r.Float64() < a.Expand {
		scale := 1 + (a.MaxExpand-1)*r.Float64()
		w, h := float64(width)*scale, float64(height)*scale
		v.Cut = FromSize(-math.Floor((w-float64(width))*r.Float64()), -math.Floor((h-float64(height))*r.Float64()), math.Floor(w), math.Floor(h))
	}
	v.Cut = a.crop(r, v.Cut, objects)
	v.Mirror = r.Float64() < a.Mirror
	return v
}

// rounds bounds how often another IoU is chosen.
const rounds = 100

// crop draws a part of the surface in which an object has its centre, and which has at least a randomly chosen IoU with one.
func (a SSD) crop(r *rand.Rand, surface Box, objects []Object) Box {
	if len(objects) == 0 || len(a.Overlaps) == 0 {
		return surface
	}
	left, top, width, height := surface.Size()
	choices := len(a.Overlaps)
	if a.Whole {
		choices++
	}
	for range rounds {
		choice := r.IntN(choices)
		if choice == len(a.Overlaps) {
			return surface
		}
		for range a.Attempts {
			w := math.Floor(width * (a.MinScale + (1-a.MinScale)*r.Float64()))
			h := math.Floor(height * (a.MinScale + (1-a.MinScale)*r.Float64()))
			x, y := math.Floor((width-w)*r.Float64()), math.Floor((height-h)*r.Float64())
			if !(w >= 1 && h >= 1) || h/w < a.MinAspect || w/h < a.MinAspect {
				continue
			}
			cut := FromSize(left+x, top+y, w, h)
			overlap, center := 0., false
			for _, o := range objects {
				overlap = max(overlap, cut.IoU(o.Box))
				x, y, _, _ := o.Box.Center()
				center = center || cut.Contains(x, y)
			}
			if center && overlap >= a.Overlaps[choice] {
				return cut
			}
		}
	}
	return surface
}

// Map returns where the points of the picture are in a view of width×height pixels.
func (v View) Map(width, height int) data.Map {
	return data.Map{
		Left: v.Cut.X0, Top: v.Cut.Y0, ScaleX: float64(width) / v.Cut.Width(), ScaleY: float64(height) / v.Cut.Height(),
		Width: float64(width), Height: float64(height), Mirror: v.Mirror,
	}
}

// Objects returns the objects in a view of width×height pixels: those whose centre is in it, clipped.
func (v View) Objects(objects []Object, width, height int) []Object {
	var within []Object
	for _, o := range objects {
		if x, y, _, _ := o.Box.Center(); v.Cut.Contains(x, y) {
			within = append(within, o)
		}
	}
	return Carry(within, v.Map(width, height), 0)
}
