package boxes

import (
	"fmt"
	"math"
	"path"
	"path/filepath"
	"strings"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/data/mask"
	"github.com/bestiary-ml/bestiary/internal/printable"
	"github.com/bestiary-ml/bestiary/internal/regular"
)

const layoutLabelme = "labelme"

// labelmeFile is the annotation of a picture.
type labelmeFile struct {
	shapes        []labelmeShape
	listed        bool // there is a list of shapes
	picture       string
	width, height int
}

type labelmeShape struct {
	Label  string
	Points []numbers
	Group  *int64 `json:"group_id"`
	Type   string `json:"shape_type"`
	line   int
}

// mask returns the mask of a shape, or what is wrong with it.
func (s labelmeShape) mask() (m *mask.Mask, problem string) {
	p := make(mask.Polygon, len(s.Points))
	for i, q := range s.Points {
		if len(q) != 2 {
			return nil, fmt.Sprintf("point %d of the shape has %d numbers; give x and y", i+1, len(q))
		}
		p[i] = mask.Point{X: q[0], Y: q[1]}
	}
	switch s.Type {
	case "rectangle", "circle":
		if s.Type == "rectangle" && len(p) == 4 { // its corners
			break
		}
		if len(p) != 2 {
			return nil, fmt.Sprintf("the %s has %d points; give two", s.Type, len(p))
		}
		if s.Type == "circle" { // the centre and a point of the circle
			radius := math.Hypot(p[1].X-p[0].X, p[1].Y-p[0].Y)
			return mask.Ellipse(p[0].X, p[0].Y, radius, radius, 0), ""
		}
		x0, y0, x1, y1 := p.Extent()
		return mask.Rectangle(x0, y0, x1, y1), ""
	case "polygon", "": // old files have no type
	default:
		return nil, fmt.Sprintf("the shape_type %q is not read; draw a polygon, rectangle or circle", short(s.Type))
	}
	return &mask.Mask{Polygons: []mask.Polygon{p}}, ""
}

// parseLabelme reads the annotation of a picture. Its errors are [*lineError].
func parseLabelme(content []byte) (f labelmeFile, err error) {
	const remedy = "give a JSON file of labelme"
	r := newJSON(content)
	err = r.object(remedy, func(key string) error {
		switch key {
		case "imagePath":
			return r.decode(&f.picture)
		case "imageWidth":
			return r.decode(&f.width)
		case "imageHeight":
			return r.decode(&f.height)
		case "shapes":
			f.listed = true
			return r.list("shapes is not a list; "+remedy, func(line int) error {
				if len(f.shapes) == maxObjects {
					return &lineError{line, fmt.Sprintf("has more than %d shapes; split the picture", maxObjects)}
				}
				f.shapes = append(f.shapes, labelmeShape{line: line})
				return r.decode(&f.shapes[len(f.shapes)-1])
			})
		}
		return r.skip()
	})
	if err == nil && !f.listed {
		err = &lineError{1, "has no list shapes; " + remedy}
	}
	return f, err
}

// Labelme reads annotations of labelme (Wada, 2016): a JSON file a picture, in a folder and those below it, or one such file. The
// picture is the imagePath of the file, below the folder, or the one of that name beside the file; pictures within the JSON files
// are not read. Shapes of the same label and group_id are one object. Polygons, rectangles and circles are read; other shapes are
// left out and counted, and so are pictures without a JSON file.
func Labelme(root string, o Options) (s *Set, err error) {
	defer printable.Error(&err)
	r, err := newReading(layoutLabelme, root, o)
	if err != nil {
		return nil, err
	}
	if o.Split != "" && o.Split != data.All {
		return nil, noSplit(o, "annotations of labelme have no splits")
	}
	folder, names := root, []string(nil)
	var pictures []string
	if strings.EqualFold(filepath.Ext(root), ".json") {
		folder, names = filepath.Dir(root), []string{filepath.Base(root)}
	} else {
		files, err := data.Walk(root)
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			switch {
			case strings.EqualFold(path.Ext(f.Name), ".json"):
				names = append(names, f.Name)
			case f.IsPicture():
				pictures = append(pictures, f.Name)
			}
		}
	}
	annotated := map[string]bool{}
	for _, name := range names {
		r.labelme(folder, name, annotated)
	}
	var without []string
	for _, name := range pictures {
		if !annotated[name] {
			without = append(without, name)
		}
	}
	if len(without) > 0 {
		r.set.Report.Notes = append(r.set.Report.Notes, data.Note("pictures without a JSON file, left out", without, 5))
	}
	r.sortClasses()
	return r.done()
}

// labelme adds the picture of a file, and notes it in annotated.
func (r *reading) labelme(folder, name string, annotated map[string]bool) {
	file := filepath.Join(folder, filepath.FromSlash(name))
	at := mark{file: file}
	content, err := regular.ReadFile(file, maxAnnotation)
	if err != nil {
		r.set.Report.add(PictureLeftOut, at, "cannot be read (%v); replace it", err)
		return
	}
	f, err := parseLabelme(content)
	if err != nil {
		if where, ok := err.(*lineError); ok {
			at.line = where.line
		}
		r.set.Report.add(PictureLeftOut, at, "%v", err)
		return
	}
	// Files that were made on Windows have backslashes.
	given := strings.ReplaceAll(f.picture, `\`, "/")
	p := Picture{}
	for _, candidate := range []string{path.Join(path.Dir(name), given), path.Join(path.Dir(name), path.Base(given))} {
		if local := filepath.FromSlash(candidate); given != "" && filepath.IsLocal(local) && exists(folder, local) {
			p.Name, p.Path = candidate, filepath.Join(folder, local)
			break
		}
	}
	switch {
	case p.Path == "":
		r.set.Report.add(PictureLeftOut, at, "its picture %q is missing; add it or correct imagePath", short(f.picture))
		return
	case annotated[p.Name]:
		r.set.Report.add(PictureLeftOut, at, "its picture %s has another JSON file; remove one", short(p.Name))
		return
	}
	annotated[p.Name] = true
	if !r.measure(&p, at, f.width, f.height) {
		return
	}
	r.labelmeShapes(&p, file, f.shapes)
	r.keep(p)
}

// labelmeShapes adds the objects of a picture. Those of several shapes come where the first of these is.
func (r *reading) labelmeShapes(p *Picture, file string, shapes []labelmeShape) {
	type group struct {
		label string
		id    int64
	}
	type object struct {
		class int
		at    mark
		mask  mask.Mask
	}
	var all []*object
	groups := map[group]*object{}
	for _, s := range shapes {
		at := mark{file, s.line}
		if s.Label == "" {
			r.set.Report.add(BoxLeftOut, at, "the shape has no label; add it")
			continue
		}
		m, problem := s.mask()
		if problem != "" {
			r.set.Report.add(BoxLeftOut, at, "%s", problem)
			continue
		}
		class, ok := r.class(s.Label)
		if !ok {
			r.unknown(at, s.Label)
			continue
		}
		o := &object{class: class, at: at}
		if s.Group != nil {
			key := group{s.Label, *s.Group}
			if groups[key] != nil {
				o = groups[key]
			}
			groups[key] = o
		}
		if o.mask.Polygons == nil {
			all = append(all, o)
		}
		o.mask.Polygons = append(o.mask.Polygons, m.Polygons...)
	}
	for _, o := range all {
		r.addMasked(p, o.at, Object{Class: o.class}, &o.mask, true)
	}
}
