package boxes

import (
	"fmt"
	"path/filepath"
	"sort"
	"strings"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/printable"
	"github.com/bestiary-ml/bestiary/internal/regular"
)

const layoutCOCO = "coco"

// COCO reads a JSON file of COCO's form (Lin et al., 2014): lists of images, categories and annotations. The root is the file,
// or a folder with annotations/instances_train*.json (split Trainval) and instances_val*.json (split Test). The pictures are
// in o.Images; beside the file; in images/; or in a folder such as ../train2017 for instances_train2017.json.
//
// The classes are the categories by rising id. Annotations without a box are left out and counted. With o.Masks, those without a
// usable segmentation are, and a box that is not given is that around the mask.
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
	coco, err := parseCOCO(content, o.Masks)
	if err != nil {
		return nil, located(file, err)
	}
	return r.coco(file, coco, o)
}

// coco adds the content of a file.
func (r *reading) coco(file string, coco *cocoFile, o Options) (*Set, error) {
	sort.SliceStable(coco.categories, func(i, j int) bool { return coco.categories[i].ID < coco.categories[j].ID })
	classOf := map[int64]int{}
	named := map[int64]string{}
	seen := map[string]bool{}
	var again []string
	for _, c := range coco.categories {
		if c.Name == "" {
			return nil, fault.Damaged(fmt.Sprintf("%s:%d", file, c.line), "category id %d has no name; give it one", c.ID)
		}
		if seen[c.Name] {
			again = append(again, c.Name)
		}
		seen[c.Name] = true
		if _, twice := named[c.ID]; twice {
			return nil, fault.Damaged(fmt.Sprintf("%s:%d", file, c.line), "category id %d occurs twice; correct it", c.ID)
		}
		named[c.ID] = c.Name
		if class, ok := r.class(c.Name); ok {
			classOf[c.ID] = class
		}
	}
	r.sameName(again)
	r.set.IDs = make([]int64, len(r.set.Classes))
	there := make([]bool, len(r.set.Classes))
	last := int64(0)
	for _, c := range coco.categories {
		if class, ok := classOf[c.ID]; ok && !there[class] {
			r.set.IDs[class], there[class] = c.ID, true
		}
		last = max(last, c.ID)
	}
	for class, ok := range there { // a class of the options that is no category has a new id
		if !ok {
			last++
			r.set.IDs[class] = last
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
		name := strings.ReplaceAll(image.File, `\`, "/") // of a file that was made on Windows
		local, path := filepath.FromSlash(name), ""
		if !filepath.IsLocal(local) {
			r.set.Report.add(PictureLeftOut, at, "its picture %q is not named below the folder of the pictures; correct file_name", short(image.File))
			continue
		}
		for _, folder := range folders {
			if exists(folder, local) {
				path = filepath.Join(folder, local)
				break
			}
		}
		if path == "" {
			r.set.Report.add(PictureLeftOut, at, "its picture %s is missing; add it or remove the entry", short(image.File))
			continue
		}
		p := Picture{Name: name, Path: path, ID: image.ID}
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
		case r.masks && a.mask.problem != nil:
			r.set.Report.add(BoxLeftOut, at, "annotation %d: %v", a.ID, a.mask.problem)
		case r.masks && a.mask.mask == nil:
			r.set.Report.add(BoxLeftOut, at, "annotation %d has no segmentation; add it", a.ID)
		case len(a.Box) != 4 && !(r.masks && len(a.Box) == 0):
			r.set.Report.add(BoxLeftOut, at, "annotation %d has a bbox of %d numbers; give x, y, width and height", a.ID, len(a.Box))
		case len(p.Objects) == maxObjects:
			r.set.Report.add(BoxLeftOut, at, "%s has more than %d boxes", p.Name, maxObjects)
		default:
			object := Object{Class: class, Crowd: a.Crowd != 0, Difficult: a.Hard != 0, Area: a.Area}
			if len(a.Box) == 4 {
				object.Box = FromSize(a.Box[0], a.Box[1], a.Box[2], a.Box[3])
			}
			if r.masks {
				r.addMasked(p, at, object, a.mask.mask, len(a.Box) == 0)
			} else {
				r.add(p, at, object)
			}
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
			return "", noSplit(o, "%s is a single file", root)
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
		if !whole {
			return "", noSplit(o, "there is no annotations/%s", kind)
		}
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
