package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/data/boxes"
	"github.com/bestiary-ml/bestiary/detect"
	"github.com/bestiary-ml/bestiary/internal/atomicfile"
	"github.com/bestiary-ml/bestiary/internal/printable"
	"github.com/bestiary-ml/bestiary/internal/regular"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/sample/layout"
	"github.com/spf13/cobra"
)

// cropped counts what crop does.
type cropped struct {
	cuts     []int    // of each class
	small    int      // cuts below --min-size
	without  []string // pictures without a subject
	captions int      // captions that were copied
}

// crop cuts out the subjects.
func (f *cropFlags) crop(c *cobra.Command, d *sample.Detector, classes []string, photos []photo) error {
	for _, name := range f.classes {
		if !slices.Contains(classes, name) {
			return usagef("--class %s: must be some of %s", printable.Short(name), printable.Text(strings.Join(classes, ", ")))
		}
	}
	names := outputNames{dir: f.out}
	total := cropped{cuts: make([]int, len(classes))}
	leftOut, err := eachPhoto(c, d, photos, func(p photo, m *boxes.Image, found []detect.Detection) error {
		if d == nil {
			found = subjects(p.objects)
		}
		return f.cut(&total, &names, classes, p, m, found)
	})
	if err != nil {
		return err
	}
	return f.print(c, classes, total, leftOut, len(photos))
}

// subjects returns the objects of an annotation, the largest first. Crowds are no subjects.
func subjects(objects []boxes.Object) (all []detect.Detection) {
	for _, o := range objects {
		if !o.Crowd {
			all = append(all, detect.Detection{Class: o.Class, Box: o.Box, Score: 1})
		}
	}
	slices.SortStableFunc(all, func(a, b detect.Detection) int { return cmp.Compare(b.Box.Area(), a.Box.Area()) })
	return all
}

// cut cuts the subjects out of a picture.
func (f *cropFlags) cut(total *cropped, names *outputNames, classes []string, p photo, m *boxes.Image, found []detect.Detection) error {
	n := 0
	for _, o := range found {
		if o.Score < f.least || len(f.classes) > 0 && !slices.Contains(f.classes, classes[o.Class]) || f.most > 0 && n == f.most {
			continue
		}
		x, y, width, height := o.Box.Size()
		part := m.Cut(data.Box{X: x, Y: y, Width: width, Height: height}.Square(f.margin, m.Width, m.Height))
		n++
		if part == nil || min(part.Width, part.Height) < f.side {
			total.small++
			continue
		}
		name := withoutExt(p.name)
		if f.folders == classFolders {
			name = path.Join(folderName(classes[o.Class]), path.Base(name))
		}
		file, err := names.next(name, layout.Format(f.format).Ext())
		if err != nil {
			return err
		}
		if err := layout.Save(file, part.NRGBA(), layout.Format(f.format)); err != nil {
			return err
		}
		total.cuts[o.Class]++
		if f.boxes == "" {
			copied, err := copyCaption(p.path, withoutExt(file)+".txt")
			if err != nil {
				return err
			}
			if copied {
				total.captions++
			}
		}
	}
	if n == 0 {
		total.without = append(total.without, p.name)
	}
	return nil
}

// maxCaption is the number of bytes of a caption that is copied.
const maxCaption = 1 << 20

// copyCaption copies the text beside a picture, if there is one.
func copyCaption(picture, to string) (bool, error) {
	text, err := regular.ReadFile(withoutExt(picture)+".txt", maxCaption)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("%s: cannot be read (%w); repair or remove it", withoutExt(picture)+".txt", err)
	}
	return true, atomicfile.WriteBytes(to, text)
}

// folderName returns the name of a class as that of a folder.
func folderName(class string) string {
	name := strings.Map(func(r rune) rune {
		if strings.ContainsRune(`/\:*?"<>|`, r) || r < ' ' {
			return '_'
		}
		return r
	}, class)
	if strings.Trim(name, ".") == "" {
		return "_" + name
	}
	return name
}
