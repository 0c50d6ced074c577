package boxes

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	_ "image/gif"  // sizes of pictures
	_ "image/jpeg" // likewise
	_ "image/png"  // likewise
	"io"
	"path/filepath"
	"slices"
	"strings"

	_ "golang.org/x/image/bmp"  // likewise
	_ "golang.org/x/image/webp" // likewise

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/data/internal/picture"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/regular"
)

// reading collects a Set.
type reading struct {
	set   *Set
	index map[string]int // of the classes by name
	fixed bool           // the classes were given
	masks bool           // objects have masks

	turned []string // names of the pictures whose Exif data have an orientation

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

// sameName notes names that several classes of a dataset have.
func (r *reading) sameName(names []string) {
	if len(names) > 0 {
		r.set.Report.Notes = append(r.set.Report.Notes, data.Note("names that several classes have, which are one here", names, 5))
	}
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
	var turned bool
	p.Width, p.Height, turned, err = sizeOf(p.Path)
	if err != nil {
		r.set.Report.add(PictureLeftOut, at, "%s: %v; replace it", p.Name, err)
		return false
	}
	if turned {
		r.turned = append(r.turned, p.Name)
	}
	if (width != 0 || height != 0) && (width != p.Width || height != p.Height) {
		r.set.Report.add(SizeDiffers, at, "%s has %d×%d pixels, and not %d×%d", p.Name, p.Width, p.Height, width, height)
	}
	return true
}

// sizeOf returns the size of a picture as it is stored, and whether its Exif or XMP data say that it is shown turned or mirrored.
func sizeOf(path string) (width, height int, turned bool, err error) {
	f, _, err := regular.Open(path)
	if err != nil {
		return 0, 0, false, fmt.Errorf("cannot be read (%w)", err)
	}
	defer f.Close()
	var head bytes.Buffer
	c, format, err := image.DecodeConfig(io.TeeReader(f, &head))
	switch {
	case err != nil:
		return 0, 0, false, fmt.Errorf("not a JPEG, PNG, GIF, WebP or BMP picture (%w)", err)
	case c.Width < 1 || c.Height < 1:
		return 0, 0, false, errors.New("picture without pixels")
	}
	return c.Width, c.Height, format == "jpeg" && picture.Turned(head.Bytes()), nil
}

// keep adds a picture to the set.
func (r *reading) keep(p Picture) {
	if p.ID == 0 && r.set.Layout != layoutCOCO { // whose ids may be 0
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
	if len(r.turned) > 0 {
		s.Report.Notes = append(s.Report.Notes, data.Note("pictures with an orientation in their Exif data, whose boxes are taken as those of the picture as it is stored", r.turned, 5))
	}
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

// stem returns the last element of a path without its suffix, whatever the separators.
func stem(path string) string {
	base := path[strings.LastIndexAny(path, `/\`)+1:]
	return strings.TrimSuffix(base, filepath.Ext(base))
}
