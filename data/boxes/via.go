package boxes

import (
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/printable"
	"github.com/bestiary-ml/bestiary/internal/regular"
)

const (
	layoutVIA = "via"
	viaFile   = "via_region_data.json"
)

// VIA reads annotations of the VGG Image Annotator (Dutta and Zisserman, 2019), of version 1 or 2, or a project of it. The root is
// the JSON file, with its pictures beside it, or a folder with via_region_data.json in it or in train/ (split Trainval) and val/
// (split Test), as the balloons of Mask R-CNN have.
//
// Polygons, rectangles, circles and ellipses are objects; other shapes have no inside, and are left out and counted. The class is
// the attribute of the regions; of several, the one called class, label, name, category or type. If no region has attributes,
// the class is object.
func VIA(root string, o Options) (s *Set, err error) {
	defer printable.Error(&err)
	r, err := newReading(layoutVIA, root, o)
	if err != nil {
		return nil, err
	}
	files, err := viaFiles(root, o)
	if err != nil {
		return nil, err
	}
	parsed := make([][]viaPicture, len(files))
	for i, file := range files {
		content, err := regular.ReadFile(file, maxJSON)
		if err != nil {
			return nil, fault.Damaged(file, "cannot be read (%v); replace it", err)
		}
		if parsed[i], err = parseVIA(content); err != nil {
			return nil, located(file, err)
		}
	}
	attribute, err := viaAttribute(root, slices.Concat(parsed...))
	if err != nil {
		return nil, err
	}
	for i, file := range files {
		below := "" // of the names of the pictures
		if filepath.Dir(file) != filepath.Clean(root) && !strings.EqualFold(filepath.Ext(root), ".json") {
			below = filepath.Base(filepath.Dir(file))
		}
		r.via(file, below, parsed[i], attribute)
	}
	r.sortClasses()
	return r.done()
}

// viaFiles returns the JSON files.
func viaFiles(root string, o Options) ([]string, error) {
	whole := o.Split == "" || o.Split == data.All
	if strings.EqualFold(filepath.Ext(root), ".json") {
		if !whole {
			return nil, noSplit(o, "%s is a single file", root)
		}
		return []string{root}, nil
	}
	folders := []string{"", "train", "val"}
	switch o.Split {
	case data.Trainval:
		folders = []string{"train"}
	case data.Test:
		folders = []string{"val"}
	}
	var files []string
	for _, folder := range folders {
		if exists(root, folder, viaFile) {
			files = append(files, filepath.Join(root, folder, viaFile))
		}
	}
	if files == nil && !whole {
		return nil, noSplit(o, "there is no %s", filepath.Join(folders[0], viaFile))
	}
	if files == nil {
		return nil, fmt.Errorf("%s: %s: has no %s in %s; give the JSON file", layoutVIA, root, viaFile, strings.TrimPrefix(strings.Join(folders, "/, ")+"/", "/, "))
	}
	return files, nil
}

// viaAttribute returns the attribute that names the classes; "" if there are none.
func viaAttribute(root string, all []viaPicture) (string, error) {
	found := map[string]bool{}
	for _, p := range all {
		for _, region := range p.regions {
			for name := range region.Attributes {
				found[name] = true
			}
		}
	}
	names := slices.Sorted(maps.Keys(found))
	if len(names) < 2 {
		return strings.Join(names, ""), nil
	}
	for _, name := range []string{"class", "label", "name", "category", "type"} {
		if found[name] {
			return name, nil
		}
	}
	return "", fmt.Errorf("%s: %s: the regions have the attributes %s; rename that of the class to class", layoutVIA, root, list(names))
}

// viaClass returns the value of an attribute: a text, or the one choice of several that is set.
func viaClass(value json.RawMessage) string {
	var text string
	if json.Unmarshal(value, &text) == nil {
		return strings.TrimSpace(text)
	}
	var choices map[string]bool
	if json.Unmarshal(value, &choices) == nil {
		for name, set := range choices {
			if set {
				if text != "" {
					return ""
				}
				text = name
			}
		}
	}
	return text
}

// via adds the pictures of a file.
func (r *reading) via(file, below string, all []viaPicture, attribute string) {
	seen := map[string]bool{}
	for _, entry := range all {
		at := mark{file, entry.line}
		local := filepath.FromSlash(entry.file)
		p := Picture{Name: path.Join(below, entry.file), Path: filepath.Join(filepath.Dir(file), local)}
		switch {
		case entry.file == "":
			r.set.Report.add(PictureLeftOut, at, "has no filename; add it")
			continue
		case seen[entry.file]:
			r.set.Report.add(PictureLeftOut, at, "the picture %s occurs twice; correct it", short(entry.file))
			continue
		case !filepath.IsLocal(local) || !exists(p.Path):
			r.set.Report.add(PictureLeftOut, at, "its picture %s is missing; add it or remove the entry", short(entry.file))
			continue
		}
		seen[entry.file] = true
		if !r.measure(&p, at, 0, 0) {
			continue
		}
		for _, region := range entry.regions {
			r.viaRegion(&p, mark{file, region.line}, region, attribute)
		}
		r.keep(p)
	}
}

// viaRegion adds a region of a picture.
func (r *reading) viaRegion(p *Picture, at mark, region viaRegion, attribute string) {
	if len(p.Objects) == maxObjects {
		r.set.Report.add(BoxLeftOut, at, "%s has more than %d objects", p.Name, maxObjects)
		return
	}
	name := "object"
	if attribute != "" {
		if name = viaClass(region.Attributes[attribute]); name == "" {
			r.set.Report.add(BoxLeftOut, at, "the attribute %s of the region names no class; set it", short(attribute))
			return
		}
	}
	m, problem := region.Shape.mask()
	if problem != "" {
		r.set.Report.add(BoxLeftOut, at, "%s", problem)
		return
	}
	if class, ok := r.class(name); ok {
		r.addMasked(p, at, Object{Class: class}, m, true)
	} else {
		r.unknown(at, name)
	}
}
