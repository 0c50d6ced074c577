package boxes

import (
	"path/filepath"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/data/cub"
	"github.com/bestiary-ml/bestiary/internal/printable"
)

const (
	layoutPets = "pets"
	layoutCUB  = "birds"
)

// Pets reads the head boxes of the Oxford-IIIT Pet Dataset (Parkhi et al., 2012): annotations/xmls/*.xml and images/. The
// classes are cat and dog, or the breeds with o.Labels data.Breed. The splits are annotations/trainval.txt and test.txt; the
// published dataset has boxes of trainval only. Pictures without an XML file are left out, as there is a head in them.
//
// With o.Masks, the objects are the animals and not their heads: the pixels of value 1 in annotations/trimaps/*.png, without those
// of value 3, which are unsure, and the box around them. Pictures without a trimap are left out.
func Pets(root string, o Options) (s *Set, err error) {
	defer printable.Error(&err)
	r, err := newReading(layoutPets, root, o)
	if err != nil {
		return nil, err
	}
	files, err := data.Walk(root)
	if err != nil {
		return nil, err
	}
	f := index(root, files)
	if o.Masks {
		var names []string
		if o.Split == data.Trainval || o.Split == data.Test {
			if names, err = readNames(filepath.Join(root, "annotations", string(o.Split)+".txt")); err != nil {
				return nil, err
			}
			names = append([]string{}, names...) // nil stands for all
		}
		r.trimaps(root, f.pictures, files, names, o)
		r.sortClasses()
		return r.done()
	}
	names := f.names()
	if o.Split == data.Trainval || o.Split == data.Test {
		listed, err := readNames(filepath.Join(root, "annotations", string(o.Split)+".txt"))
		if err != nil {
			return nil, err
		}
		names = nil
		var without []string
		for _, name := range listed {
			if _, ok := f.annotations[name]; ok {
				names = append(names, name)
			} else if name != "" {
				without = append(without, name)
			}
		}
		if len(names) == 0 {
			return nil, noSplit(o, "none of its %d pictures has a box", len(without))
		}
		if len(without) > 0 {
			r.set.Report.Notes = append(r.set.Report.Notes, data.Note("listed without an XML file, left out", without, 5))
		}
	}
	used := map[string]bool{}
	for _, name := range names {
		class := ""
		if o.Labels == data.Breed {
			class = breed(name)
		}
		for _, file := range f.annotations[name] {
			r.annotation(root, f, file, class, used)
		}
	}
	r.sortClasses()
	return r.done()
}

// CUB reads Caltech-UCSD Birds-200-2011 with bounding_boxes.txt; see package cub. Each picture has one box.
func CUB(root string, o Options) (s *Set, err error) {
	defer printable.Error(&err)
	r, err := newReading(layoutCUB, root, o)
	if err != nil {
		return nil, err
	}
	source, err := cub.Folder(root, data.Options{Resize: data.Boxes, Split: o.Split})
	if err != nil {
		return nil, err
	}
	folder := root
	if exists(root, "CUB_200_2011", "images.txt") {
		folder = filepath.Join(root, "CUB_200_2011")
	}
	if !r.fixed {
		for _, name := range source.Classes {
			r.class(name)
		}
		r.fixed = true
	}
	r.set.Report.Notes = source.Notes
	for _, item := range source.Items {
		at := mark{file: filepath.Join(folder, "images", filepath.FromSlash(item.Name))}
		p := Picture{Name: item.Name, Path: at.file}
		if !r.measure(&p, at, 0, 0) {
			continue
		}
		if class, ok := r.class(source.Classes[item.Label]); ok {
			r.add(&p, at, Object{Class: class, Box: FromSize(item.Box.X, item.Box.Y, item.Box.Width, item.Box.Height)})
		} else {
			r.unknown(at, source.Classes[item.Label])
		}
		r.keep(p)
	}
	return r.done()
}
