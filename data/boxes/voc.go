package boxes

import (
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/printable"
	"github.com/bestiary-ml/bestiary/internal/regular"
)

const layoutVOC = "voc"

// VOCClasses are the classes of Pascal VOC in their order.
var VOCClasses = []string{
	"aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog", "horse",
	"motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
}

// lists are the lists of ImageSets/Main that a split has in each year's folder.
type lists map[string][]string

// unions are the usual unions of VOC's years, by split.
var unions = map[string]map[data.Split]lists{
	"07":     {data.Trainval: {"VOC2007": {"trainval"}}, data.Test: {"VOC2007": {"test"}}, data.All: {"VOC2007": nil}},
	"12":     {data.Trainval: {"VOC2012": {"trainval"}}, data.Test: {"VOC2012": {"test"}}, data.All: {"VOC2012": nil}},
	"07+12":  {data.Trainval: {"VOC2007": {"trainval"}, "VOC2012": {"trainval"}}, data.Test: {"VOC2007": {"test"}}, data.All: {"VOC2007": nil, "VOC2012": nil}},
	"07++12": {data.Trainval: {"VOC2007": {"trainval", "test"}, "VOC2012": {"trainval"}}, data.Test: {"VOC2012": {"test"}}, data.All: {"VOC2007": nil, "VOC2012": nil}},
}

// VOC reads Pascal VOC (Everingham et al., 2010) and folders of its form. The root is VOCdevkit or the folder that holds it,
// with VOC2007 and VOC2012; or a folder with Annotations/, JPEGImages/ (or images/) and ImageSets/Main/; or a folder with XML
// files beside the pictures or in sub-folders.
//
// The splits are the lists trainval.txt and test.txt of ImageSets/Main. o.Years chooses years: "07+12" trains on both years'
// trainval and tests on 2007's test; "07++12" trains on 2007's trainval and test and 2012's trainval, and tests on 2012's test.
// The classes of VOC2007 and VOC2012 are [VOCClasses], those of other folders the names that occur.
//
// Files of the original dataset count pixels from 1: 1 is subtracted from xmin and ymin. Other files are taken as they are.
func VOC(root string, o Options) (s *Set, err error) {
	defer printable.Error(&err)
	r, err := newReading(layoutVOC, root, o)
	if err != nil {
		return nil, err
	}
	parts, err := vocParts(root, o)
	if err != nil {
		return nil, err
	}
	official := true
	for _, p := range parts {
		if err := r.folder(root, p, o); err != nil {
			return nil, err
		}
		official = official && strings.HasPrefix(filepath.Base(p.folder), "VOC20")
	}
	if official && !r.fixed && !slices.ContainsFunc(r.set.Classes, func(name string) bool { return !slices.Contains(VOCClasses, name) }) {
		for _, name := range VOCClasses {
			r.class(name)
		}
	}
	r.sortClasses()
	return r.done()
}

// vocPart is a folder with annotations, and the lists of pictures; nil: all.
type vocPart struct {
	folder string
	lists  []string
}

// vocParts finds the folders of a root.
func vocParts(root string, o Options) ([]vocPart, error) {
	split := o.Split
	if split == "" {
		split = data.All
	}
	kit := root
	if exists(root, "VOCdevkit") {
		kit = filepath.Join(root, "VOCdevkit")
	}
	if o.Years != "" {
		union, ok := unions[o.Years]
		if !ok {
			return nil, fault.Field("Years", o.Years, "must be 07, 12, 07+12 or 07++12")
		}
		var parts []vocPart
		for _, year := range []string{"VOC2007", "VOC2012"} {
			if own, ok := union[split][year]; ok {
				if !exists(kit, year) {
					return nil, fault.Field("Years", o.Years, "needs %s, which is not there; unpack it", filepath.Join(kit, year))
				}
				parts = append(parts, vocPart{filepath.Join(kit, year), own})
			}
		}
		return parts, nil
	}
	var list []string
	if split != data.All {
		list = []string{string(split)}
	}
	var parts []vocPart
	for _, year := range []string{"VOC2007", "VOC2012"} {
		if exists(kit, year, "Annotations") && (list == nil || exists(kit, year, "ImageSets", "Main", list[0]+".txt")) {
			parts = append(parts, vocPart{filepath.Join(kit, year), list})
		}
	}
	if len(parts) == 0 {
		parts = []vocPart{{root, list}}
	}
	return parts, nil
}

func exists(elem ...string) bool {
	_, err := os.Stat(filepath.Join(elem...))
	return err == nil
}

// folder reads the annotations of a part.
func (r *reading) folder(root string, part vocPart, o Options) error {
	files, err := data.Walk(part.folder)
	if err != nil {
		return err
	}
	f := index(part.folder, files)
	names := f.names()
	if part.lists != nil {
		names = nil
		listedIn := map[string]mark{}
		for _, list := range part.lists {
			file := filepath.Join(part.folder, "ImageSets", "Main", list+".txt")
			if !exists(file) {
				return noSplit(o, "%s is missing", file)
			}
			listed, err := readNames(file)
			if err != nil {
				return err
			}
			for line, name := range listed {
				if name == "" {
					continue
				}
				at := mark{file, line + 1}
				if _, ok := f.annotations[name]; !ok {
					r.set.Report.add(PictureLeftOut, at, "%s has no XML file; add it or remove the line", short(name))
					continue
				}
				if first, twice := listedIn[name]; twice {
					r.set.Report.add(PictureLeftOut, at, "%s is listed twice, first in %s:%d; remove a line", short(name), filepath.Base(first.file), first.line)
					continue
				}
				listedIn[name] = at
				names = append(names, name)
			}
		}
		if problems := r.set.Report.Problems; len(names) == 0 && len(problems) > 0 { // VOC2012 publishes no annotations of its test
			return noSplit(o, "no picture of it has an XML file, for instance since %s", problems[len(problems)-1])
		}
	}
	used := map[string]bool{}
	for _, name := range names {
		for _, file := range f.annotations[name] {
			r.annotation(root, f, file, "", used)
		}
	}
	if without := f.unused(used); part.lists == nil && len(without) > 0 {
		r.set.Report.Notes = append(r.set.Report.Notes, data.Note("pictures without an XML file, left out", without, 5))
	}
	return nil
}

// annotation reads an XML file and adds its picture, which it notes in used. class replaces the names of the objects unless it is empty.
func (r *reading) annotation(root string, f indexed, file, class string, used map[string]bool) {
	at := mark{file: file}
	content, err := regular.ReadFile(file, maxAnnotation)
	if err != nil {
		r.set.Report.add(PictureLeftOut, at, "cannot be read (%v); replace it", err)
		return
	}
	voc, err := parseVOC(content)
	if err != nil {
		var where *lineError
		if errors.As(err, &where) {
			at.line = where.line
		}
		r.set.Report.add(PictureLeftOut, at, "%v", err)
		return
	}
	p := Picture{Path: f.picture(file, voc.filename)}
	if p.Path == "" {
		r.set.Report.add(PictureLeftOut, at, "its picture %s is missing; add it or remove the file", short(cmp.Or(voc.filename, stem(file))))
		return
	}
	p.Name = relative(root, p.Path)
	if used[p.Path] {
		r.set.Report.add(PictureLeftOut, at, "its picture %s has another XML file; add the picture, or remove a file", short(p.Name))
		return
	}
	used[p.Path] = true
	if !r.measure(&p, at, voc.width, voc.height) {
		return
	}
	for _, o := range voc.objects {
		at.line = o.line
		b, problem := voc.box(o)
		if problem != "" {
			r.set.Report.add(BoxLeftOut, at, "%s", problem)
			continue
		}
		label := o.name
		if class != "" {
			label = class
		}
		c, ok := r.class(label)
		if !ok {
			r.unknown(at, label)
			continue
		}
		r.add(&p, at, Object{Class: c, Box: b, Difficult: o.difficult, Truncated: o.truncated})
	}
	r.keep(p)
}

// relative returns a path relative to the root, with forward slashes.
func relative(root, path string) string {
	if rel, err := filepath.Rel(root, path); err == nil {
		return filepath.ToSlash(rel)
	}
	return filepath.ToSlash(path)
}

// readNames returns the first word of each line of a list; "" for a blank line or one that begins with #.
func readNames(file string) ([]string, error) {
	content, err := regular.ReadFile(file, maxAnnotation)
	if err != nil {
		return nil, fault.Damaged(file, "cannot be read (%v); unpack the dataset again, or choose the split all", err)
	}
	var names []string
	for line := range strings.Lines(string(content)) {
		name := ""
		if words := strings.Fields(line); len(words) > 0 && !strings.HasPrefix(words[0], "#") {
			name = words[0]
		}
		names = append(names, name)
	}
	return names, nil
}
