package boxes

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sort"
	"strings"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/printable"
	"github.com/bestiary-ml/bestiary/internal/regular"
)

const layoutCOCO = "coco"

// cocoFile is the content of a JSON file, with the lines of its parts.
type cocoFile struct {
	categories  []cocoCategory
	images      []cocoImage
	annotations []cocoAnnotation
}

type cocoCategory struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
	line int
}

type cocoImage struct {
	ID     int64  `json:"id"`
	File   string `json:"file_name"`
	Width  int    `json:"width"`
	Height int    `json:"height"`
	line   int
}

type cocoAnnotation struct {
	ID       int64     `json:"id"`
	Image    int64     `json:"image_id"`
	Category int64     `json:"category_id"`
	Box      []float64 `json:"bbox"`
	Area     float64   `json:"area"`
	Crowd    int       `json:"iscrowd"`
	Hard     int       `json:"difficult"` // not COCO's own, see WriteCOCO
	line     int
}

// parseCOCO reads a JSON file, one part after the other. Its errors are [*lineError].
func parseCOCO(content []byte) (*cocoFile, error) {
	content = bytes.TrimPrefix(content, []byte("\ufeff"))
	d := json.NewDecoder(bytes.NewReader(content))
	line, counted := 1, 0
	at := func() int {
		// The offset is before the spaces that precede the next value.
		offset := int(d.InputOffset())
		for offset < len(content) && strings.IndexByte(" \t\r\n,:", content[offset]) >= 0 {
			offset++
		}
		if offset > counted {
			line += bytes.Count(content[counted:offset], []byte("\n"))
			counted = offset
		}
		return line
	}
	bad := func(err error) error {
		var syntax *json.SyntaxError
		var kind *json.UnmarshalTypeError
		switch {
		case errors.As(err, &syntax):
			return &lineError{1 + bytes.Count(content[:min(int(syntax.Offset), len(content))], []byte("\n")), "is not well-formed JSON (" + short(err.Error()) + "); repair it"}
		case errors.As(err, &kind):
			return &lineError{at(), fmt.Sprintf("has a %s where %s is expected in %s; correct it", short(kind.Value), kind.Type, short(kind.Field))}
		case err == io.EOF || err == io.ErrUnexpectedEOF:
			return &lineError{1 + bytes.Count(content, []byte("\n")), "ends too early; copy it again"}
		}
		return &lineError{at(), "cannot be read (" + short(err.Error()) + "); repair it"}
	}
	opens := func(want json.Delim, what string) error {
		line := at()
		token, err := d.Token()
		if err != nil {
			return bad(err)
		}
		if token != want {
			return &lineError{line, what + "; give a JSON file of COCO's form"}
		}
		return nil
	}
	if err := opens('{', "does not begin with an object"); err != nil {
		return nil, err
	}
	f := &cocoFile{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return nil, bad(err)
		}
		key, _ := token.(string)
		var element func(line int) error
		switch key {
		case "categories":
			element = func(line int) error {
				f.categories = append(f.categories, cocoCategory{line: line})
				return d.Decode(&f.categories[len(f.categories)-1])
			}
		case "images":
			element = func(line int) error {
				f.images = append(f.images, cocoImage{line: line})
				return d.Decode(&f.images[len(f.images)-1])
			}
		case "annotations":
			element = func(line int) error {
				f.annotations = append(f.annotations, cocoAnnotation{line: line})
				return d.Decode(&f.annotations[len(f.annotations)-1])
			}
		default:
			var skipped json.RawMessage
			if err := d.Decode(&skipped); err != nil {
				return nil, bad(err)
			}
			continue
		}
		if err := opens('[', key+" is not a list"); err != nil {
			return nil, err
		}
		for d.More() {
			if err := element(at()); err != nil {
				return nil, bad(err)
			}
		}
		if _, err := d.Token(); err != nil {
			return nil, bad(err)
		}
	}
	if _, err := d.Token(); err != nil {
		return nil, bad(err)
	}
	if f.images == nil || f.categories == nil {
		return nil, &lineError{1, "has no lists images and categories; give a JSON file of COCO's form, such as instances_val2017.json"}
	}
	return f, nil
}

// COCO reads a JSON file of COCO's form (Lin et al., 2014): lists of images, categories and annotations. The root is the file,
// or a folder with annotations/instances_train*.json (split Trainval) and instances_val*.json (split Test). The pictures are
// in o.Images; beside the file; in images/; or in a folder such as ../train2017 for instances_train2017.json.
//
// The classes are the categories by rising id. Annotations without a box are left out and counted.
func COCO(root string, o Options) (s *Set, err error) {
	defer printable.Error(&err)
	r, err := newReading(layoutCOCO, root, o)
	if err != nil {
		return nil, err
	}
	file, err := cocoJSON(root, o)
	if err != nil {
		return nil, err
	}
	content, err := regular.ReadFile(file, maxJSON)
	if err != nil {
		return nil, fault.Damaged(file, "cannot be read (%v); replace it", err)
	}
	coco, err := parseCOCO(content)
	if err != nil {
		var where *lineError
		if errors.As(err, &where) {
			return nil, fault.Damaged(fmt.Sprintf("%s:%d", file, where.line), "%s", where.text)
		}
		return nil, err
	}
	return r.coco(file, coco, o)
}

// coco adds the content of a file.
func (r *reading) coco(file string, coco *cocoFile, o Options) (*Set, error) {
	sort.SliceStable(coco.categories, func(i, j int) bool { return coco.categories[i].ID < coco.categories[j].ID })
	classOf := map[int64]int{}
	named := map[int64]string{}
	for _, c := range coco.categories {
		if _, twice := named[c.ID]; twice {
			return nil, fault.Damaged(fmt.Sprintf("%s:%d", file, c.line), "category id %d occurs twice; correct it", c.ID)
		}
		named[c.ID] = c.Name
		if class, ok := r.class(c.Name); ok {
			classOf[c.ID] = class
		}
	}
	r.set.IDs = make([]int64, len(r.set.Classes))
	for _, c := range coco.categories {
		if class, ok := classOf[c.ID]; ok {
			r.set.IDs[class] = c.ID
		}
	}
	r.fixed = true
	folders := []string{o.Images}
	if o.Images == "" {
		folders = pictureFolders(file)
	}
	pictures := map[int64]*Picture{}
	absent := map[int64]bool{}
	var order []int64
	for _, image := range coco.images {
		at := mark{file, image.line}
		if pictures[image.ID] != nil || absent[image.ID] {
			r.set.Report.add(PictureLeftOut, at, "image id %d occurs twice; correct it", image.ID)
			continue
		}
		absent[image.ID] = true
		path := ""
		if filepath.IsLocal(filepath.FromSlash(image.File)) {
			for _, folder := range folders {
				if exists(folder, filepath.FromSlash(image.File)) {
					path = filepath.Join(folder, filepath.FromSlash(image.File))
					break
				}
			}
		}
		if path == "" {
			r.set.Report.add(PictureLeftOut, at, "its picture %s is missing; add it or remove the entry", short(image.File))
			continue
		}
		p := Picture{Name: image.File, Path: path, ID: image.ID}
		if r.measure(&p, at, image.Width, image.Height) {
			pictures[image.ID] = &p
			order = append(order, image.ID)
		}
	}
	for _, a := range coco.annotations {
		at := mark{file, a.line}
		p := pictures[a.Image]
		class, known := classOf[a.Category]
		switch {
		case p == nil && absent[a.Image]: // its picture is reported
		case p == nil:
			r.set.Report.add(BoxLeftOut, at, "annotation %d names image id %d, which is not in images; correct it", a.ID, a.Image)
		case !known && named[a.Category] != "":
			r.unknown(at, named[a.Category])
		case !known:
			r.set.Report.add(BoxLeftOut, at, "annotation %d names category id %d, which is not in categories; correct it", a.ID, a.Category)
		case len(a.Box) != 4:
			r.set.Report.add(BoxLeftOut, at, "annotation %d has a bbox of %d numbers; give x, y, width and height", a.ID, len(a.Box))
		case len(p.Objects) == maxObjects:
			r.set.Report.add(BoxLeftOut, at, "%s has more than %d boxes", p.Name, maxObjects)
		default:
			r.add(p, at, Object{Class: class, Box: FromSize(a.Box[0], a.Box[1], a.Box[2], a.Box[3]), Crowd: a.Crowd != 0, Difficult: a.Hard != 0, Area: a.Area})
		}
	}
	for _, id := range order {
		r.keep(*pictures[id])
	}
	return r.done()
}

// cocoJSON returns the path of the JSON file.
func cocoJSON(root string, o Options) (string, error) {
	whole := o.Split == "" || o.Split == data.All
	if strings.EqualFold(filepath.Ext(root), ".json") {
		if !whole {
			return "", fault.Field("Split", o.Split, "not available in %s, a single file; give the folder above annotations/, or use all", root)
		}
		return root, nil
	}
	kind := map[data.Split]string{data.Trainval: "instances_train*.json", data.Test: "instances_val*.json"}[o.Split]
	if whole {
		kind = "*.json"
	}
	var found []string
	for _, folder := range []string{filepath.Join(root, "annotations"), root} {
		more, _ := filepath.Glob(filepath.Join(escapeGlob(folder), kind))
		found = append(found, more...)
	}
	switch len(found) {
	case 0:
		return "", fmt.Errorf("%s: %s: has no %s in annotations/; give the JSON file", layoutCOCO, root, kind)
	case 1:
		return found[0], nil
	}
	return "", fmt.Errorf("%s: %s: has %d files %s, such as %s; give one of them", layoutCOCO, root, len(found), kind, found[0])
}

// escapeGlob returns a path as a pattern that matches it alone.
func escapeGlob(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// pictureFolders returns the folders in which the pictures of a JSON file may be.
func pictureFolders(file string) []string {
	folder := filepath.Dir(file)
	above := filepath.Dir(folder)
	subset := stem(file)
	subset = subset[strings.LastIndexByte(subset, '_')+1:]
	return []string{
		folder, filepath.Join(folder, "images"), filepath.Join(above, subset), filepath.Join(above, "images", subset),
		filepath.Join(above, "images"), above, filepath.Join(folder, subset),
	}
}
