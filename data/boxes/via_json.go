package boxes

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/bestiary-ml/bestiary/data/mask"
)

// viaPicture is a picture in a file of the VGG Image Annotator.
type viaPicture struct {
	file    string
	regions []viaRegion
	line    int
}

type viaRegion struct {
	Shape      viaShape                   `json:"shape_attributes"`
	Attributes map[string]json.RawMessage `json:"region_attributes"`
	line       int
}

type viaShape struct {
	Name          string
	Xs            numbers `json:"all_points_x"`
	Ys            numbers `json:"all_points_y"`
	X, Y          float64
	Width, Height float64
	CX, CY        float64
	R, RX, RY     float64
	Theta         float64 // radians
}

// mask returns the mask of a shape, or what is wrong with it.
func (s viaShape) mask() (m *mask.Mask, problem string) {
	above := func(names string, sizes ...float64) string {
		for _, size := range sizes {
			if !(size > 0) {
				return fmt.Sprintf("the %s has %s of %v, which must be above 0; correct it", s.Name, names, size)
			}
		}
		return ""
	}
	switch s.Name {
	case "polygon":
		if len(s.Xs) != len(s.Ys) {
			return nil, fmt.Sprintf("the polygon has %d numbers in all_points_x and %d in all_points_y; correct them", len(s.Xs), len(s.Ys))
		}
		p := make(mask.Polygon, len(s.Xs))
		for i := range p {
			p[i] = mask.Point{X: s.Xs[i], Y: s.Ys[i]}
		}
		return &mask.Mask{Polygons: []mask.Polygon{p}}, ""
	case "rect":
		return mask.Rectangle(s.X, s.Y, s.X+s.Width, s.Y+s.Height), above("a width or a height", s.Width, s.Height)
	case "circle":
		return mask.Ellipse(s.CX, s.CY, s.R, s.R, 0), above("a radius", s.R)
	case "ellipse":
		return mask.Ellipse(s.CX, s.CY, s.RX, s.RY, s.Theta), above("a radius", s.RX, s.RY)
	}
	return nil, fmt.Sprintf("the shape %q has no inside; draw a polygon, rect, circle or ellipse", short(s.Name))
}

// parseVIA reads a file of annotations, of version 1 or 2, or of a project. Its errors are [*lineError].
func parseVIA(content []byte) (all []viaPicture, err error) {
	const remedy = "give a JSON file of the VGG Image Annotator"
	r := newJSON(content)
	var entry func(key string) error
	entry = func(key string) error {
		switch {
		case key == "_via_img_metadata":
			return r.object(remedy, entry)
		case strings.HasPrefix(key, "_via_"):
			return r.skip()
		}
		p := viaPicture{line: r.at()}
		if r.next() != '{' {
			return &lineError{p.line, short(key) + " is no picture; " + remedy}
		}
		err := r.object(remedy, func(key string) error {
			region := func(line int) error {
				p.regions = append(p.regions, viaRegion{line: line})
				return r.decode(&p.regions[len(p.regions)-1])
			}
			switch {
			case key == "filename":
				return r.decode(&p.file)
			case key == "regions" && r.next() == '{': // version 1
				return r.object(remedy, func(string) error { return region(r.at()) })
			case key == "regions":
				return r.list("regions is neither a list nor an object; "+remedy, region)
			}
			return r.skip()
		})
		all = append(all, p)
		return err
	}
	return all, r.object(remedy, entry)
}
