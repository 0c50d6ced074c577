package boxes

import (
	"errors"
	"fmt"
	"image"
	_ "image/gif"  // sizes of pictures
	_ "image/jpeg" // likewise
	_ "image/png"  // likewise
	"path/filepath"
	"slices"
	"strings"

	_ "golang.org/x/image/bmp"  // likewise
	_ "golang.org/x/image/webp" // likewise

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/regular"
)

// Picture is a picture with the objects in it.
type Picture struct {
	Name          string // relative to the dataset's root, with forward slashes
	Path          string // of its file
	ID            int64  // COCO's id; in other layouts its number in the dataset, from 1
	Width, Height int    // in pixels
	Objects       []Object

	limits data.Limits   // of Read
	draw   func() *Image // of a drawn picture, which has no file
}

// Set is a dataset of pictures with boxes.
type Set struct {
	Layout, Path string
	Classes      []string
	IDs          []int64 // COCO's ids of the classes; nil in other layouts
	Pictures     []Picture
	Report       Report
}

// Options say what to read. The zero value reads everything.
type Options struct {
	Split   data.Split  // part of the dataset
	Classes []string    // names in their order; nil: those of the dataset. Boxes of other classes are left out
	Years   string      // Pascal VOC only: "07", "12", "07+12" or "07++12"; "" means all that are there. See [VOC]
	Labels  data.Labels // pets only: Species or Breed
	Images  string      // COCO only: the folder of the pictures; "" means one beside the JSON file
	Masks   bool        // also the masks of the objects: COCO, VIA, labelme, pets and drawn scenes. Objects without one are left out
	As      string      // makes all classes, or those of Classes, one of this name; "": they stay
	Limits  data.Limits // of [Picture.Read]
}

// Limits of a dataset.
const (
	maxObjects    = 100_000   // of a picture
	maxAnnotation = 256 << 20 // bytes of the annotation of one picture
	maxJSON       = 4 << 30   // bytes of a JSON file
	maxDimension  = 1 << 20   // pixels of a side, and the largest coordinate
)

// reading collects a Set.
type reading struct {
	set   *Set
	index map[string]int // of the classes by name
	fixed bool           // the classes were given
	masks bool           // objects have masks

	limits data.Limits
}

func newReading(layout, path string, o Options) (*reading, error) {
	r := &reading{set: &Set{Layout: layout, Path: path}, index: map[string]int{}}
	for _, name := range o.Classes {
		if _, twice := r.index[name]; twice {
			return nil, fault.Field("Classes", name, "must be listed once")
		}
		if err := data.CheckClass(name); err != nil {
			return nil, fault.Field("Classes", name, "must be names of classes: %v", err)
		}
		r.class(name)
	}
	r.fixed, r.masks, r.limits = len(o.Classes) > 0, o.Masks, o.Limits
	if err := o.Limits.Validate(); err != nil {
		return nil, err
	}
	if err := data.CheckClass(o.As); o.As != "" && err != nil {
		return nil, fault.Field("As", o.As, "must be the name of a class: %v", err)
	}
	switch {
	case o.Split != "" && o.Split != data.All && o.Split != data.Trainval && o.Split != data.Test:
		return nil, fault.Field("Split", o.Split, "must be all, trainval or test for pictures with boxes")
	case o.Years != "" && layout != layoutVOC:
		return nil, fault.Field("Years", o.Years, "not available in %s (layout %s); leave it empty", path, layout)
	case o.Labels != "" && layout != layoutPets:
		return nil, fault.Field("Labels", o.Labels, "not available in %s (layout %s); leave it empty", path, layout)
	case o.Masks && !slices.Contains([]string{layoutCOCO, layoutVIA, layoutLabelme, layoutPets, layoutScenes}, layout):
		return nil, fault.Field("Masks", o.Masks, "not available in %s (layout %s); give a dataset of COCO, VIA, labelme or Oxford pets, or drawn scenes", path, layout)
	case o.Images != "" && layout != layoutCOCO:
		return nil, fault.Field("Images", o.Images, "not available in %s (layout %s); leave it empty", path, layout)
	}
	return r, nil
}

// class returns the index of a class, and adds it unless the classes are fixed.
func (r *reading) class(name string) (int, bool) {
	if i, ok := r.index[name]; ok {
		return i, true
	}
	if r.fixed {
		return 0, false
	}
	i := len(r.set.Classes)
	r.index[name] = i
	r.set.Classes = append(r.set.Classes, name)
	return i, true
}

// sortClasses puts classes that were found into the order of their names.
func (r *reading) sortClasses() {
	if r.fixed {
		return
	}
	sorted := slices.Sorted(slices.Values(r.set.Classes))
	to := map[string]int{}
	for i, name := range sorted {
		to[name] = i
	}
	for _, p := range r.set.Pictures {
		for i := range p.Objects {
			p.Objects[i].Class = to[r.set.Classes[p.Objects[i].Class]]
		}
	}
	r.set.Classes, r.index = sorted, to
}

// merge makes the classes of a set one.
func (s *Set) merge(name string) {
	s.Classes, s.IDs = []string{name}, nil
	for _, p := range s.Pictures {
		for i := range p.Objects {
			p.Objects[i].Class = 0
		}
	}
}

// mark is a place in an annotation.
type mark struct {
	file string
	line int
}

// unknown reports an object of an unknown class.
func (r *reading) unknown(at mark, name string) {
	r.set.Report.add(BoxLeftOut, at, "class %q is not one of %s; correct it, or add it to the classes", short(name), list(r.set.Classes))
}

// add checks an object and adds it to a picture whose size is known.
func (r *reading) add(p *Picture, at mark, o Object) {
	b := o.Box
	report := &r.set.Report
	switch {
	case !b.Finite() || max(-b.X0, -b.Y0, b.X1, b.Y1) > maxDimension:
		report.add(BoxLeftOut, at, "the box %v is not within a picture; correct it", b)
		return
	case b.X1 < b.X0 || b.Y1 < b.Y0:
		report.add(BoxLeftOut, at, "the box %v is inverted; swap its corners", b)
		return
	case b.Empty():
		report.add(BoxLeftOut, at, "the box %v is empty; correct it", b)
		return
	}
	if o.Box = b.Clip(float64(p.Width), float64(p.Height)); o.Box.Empty() {
		report.add(BoxLeftOut, at, "the box %v is outside of its picture of %d×%d pixels; correct it", b, p.Width, p.Height)
		return
	}
	if o.Box != b {
		report.add(BoxClipped, at, "the box %v is clipped to %d×%d pixels", b, p.Width, p.Height)
	}
	p.Objects = append(p.Objects, o)
}

// measure fills in the size of a picture, from its file. claimed is the size in its annotation, or 0.
func (r *reading) measure(p *Picture, at mark, width, height int) bool {
	var err error
	p.Width, p.Height, err = sizeOf(p.Path)
	if err != nil {
		r.set.Report.add(PictureLeftOut, at, "%s: %v; replace it", p.Name, err)
		return false
	}
	if (width != 0 || height != 0) && (width != p.Width || height != p.Height) {
		r.set.Report.add(SizeDiffers, at, "%s has %d×%d pixels, and not %d×%d", p.Name, p.Width, p.Height, width, height)
	}
	return true
}

// sizeOf returns the size of a picture as it is stored.
func sizeOf(path string) (width, height int, err error) {
	f, _, err := regular.Open(path)
	if err != nil {
		return 0, 0, fmt.Errorf("cannot be read (%w)", err)
	}
	defer f.Close()
	c, _, err := image.DecodeConfig(f)
	switch {
	case err != nil:
		return 0, 0, fmt.Errorf("not a JPEG, PNG, GIF, WebP or BMP picture (%w)", err)
	case c.Width < 1 || c.Height < 1:
		return 0, 0, errors.New("picture without pixels")
	}
	return c.Width, c.Height, nil
}

// keep adds a picture to the set.
func (r *reading) keep(p Picture) {
	if p.ID == 0 {
		p.ID = int64(len(r.set.Pictures)) + 1
	}
	p.limits = r.limits
	if len(p.Objects) == 0 {
		r.set.Report.Empty = append(r.set.Report.Empty, p.Name)
	}
	r.set.Pictures = append(r.set.Pictures, p)
}

// done completes the set. Without a picture it is an error that names the first reason.
func (r *reading) done() (*Set, error) {
	s := r.set
	for _, name := range s.Classes {
		if err := data.CheckClass(name); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", s.Layout, s.Path, err)
		}
	}
	if len(s.Pictures) == 0 {
		if all := s.Report.Problems; len(all) > 0 {
			return nil, fmt.Errorf("%s: %s: no picture can be used, for instance since %s", s.Layout, s.Path, all[0])
		}
		return nil, fmt.Errorf("%s: %s: has no pictures with annotations; give another folder", s.Layout, s.Path)
	}
	if len(s.Classes) == 0 {
		return nil, fmt.Errorf("%s: %s: none of %d pictures has a box; give annotations", s.Layout, s.Path, len(s.Pictures))
	}
	return s, nil
}

// Boxes returns the number of objects.
func (s *Set) Boxes() int {
	n := 0
	for _, p := range s.Pictures {
		n += len(p.Objects)
	}
	return n
}

// Counts returns the number of objects of each class.
func (s *Set) Counts() []int {
	counts := make([]int, len(s.Classes))
	for _, p := range s.Pictures {
		for _, o := range p.Objects {
			counts[o.Class]++
		}
	}
	return counts
}

// stem returns the last element of a path without its suffix, whatever the separators.
func stem(path string) string {
	base := path[strings.LastIndexAny(path, `/\`)+1:]
	return strings.TrimSuffix(base, filepath.Ext(base))
}
