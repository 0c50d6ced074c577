package boxes

import (
	"fmt"
	"image"
	"image/color"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/data/mask"
	"github.com/bestiary-ml/bestiary/internal/regular"
)

// The values of a trimap.
const (
	trimapAnimal = 1 + iota
	trimapBackground
	trimapUnsure
)

// trimaps adds the pictures of the pets that have a trimap: annotations/trimaps/*.png with the names of the pictures. names are
// those of a split, or nil.
func (r *reading) trimaps(root string, pictures map[string][]string, files []data.File, names []string, o Options) {
	maps := map[string]string{}
	for _, f := range files {
		if strings.HasPrefix(f.Name, "annotations/trimaps/") && strings.HasSuffix(strings.ToLower(f.Name), ".png") {
			maps[stem(f.Name)] = filepath.Join(root, filepath.FromSlash(f.Name))
		}
	}
	var without []string
	if names == nil {
		names = sortedNames(maps)
		for _, name := range sortedNames(pictures) {
			if maps[name] == "" {
				without = append(without, name)
			}
		}
	}
	listed := names
	names = nil
	for _, name := range listed {
		switch {
		case name == "":
		case maps[name] == "":
			without = append(without, name)
		default:
			names = append(names, name)
		}
	}
	if len(without) > 0 {
		r.set.Report.Notes = append(r.set.Report.Notes, data.Note("pictures without a trimap, left out", without, 5))
	}
	for batch := range slices.Chunk(names, 64) {
		masks, failures := make([]mask.RLE, len(batch)), make([]error, len(batch))
		var wait sync.WaitGroup
		for i, name := range batch {
			wait.Go(func() { masks[i], failures[i] = readTrimap(maps[name], r.limits) })
		}
		wait.Wait()
		for i, name := range batch {
			file := ""
			if all := pictures[name]; len(all) > 0 {
				file = all[0]
			}
			r.trimap(file, name, mark{file: maps[name]}, masks[i], failures[i], o.Labels)
		}
	}
}

// trimap adds a picture with its mask.
func (r *reading) trimap(file, name string, at mark, m mask.RLE, failure error, labels data.Labels) {
	if file == "" {
		r.set.Report.add(PictureLeftOut, at, "its picture %s is missing; add it or remove the trimap", short(name))
		return
	}
	p := Picture{Name: "images/" + filepath.Base(file), Path: file}
	if failure != nil {
		r.set.Report.add(PictureLeftOut, at, "%v", failure)
		return
	}
	if !r.measure(&p, at, 0, 0) {
		return
	}
	class := "dog" // the names of cats' breeds begin with a capital letter
	if name[0] >= 'A' && name[0] <= 'Z' {
		class = "cat"
	}
	if labels == data.Breed {
		class = breed(name)
	}
	if i, ok := r.class(class); ok {
		r.addMasked(&p, at, Object{Class: i}, &mask.Mask{Runs: &m}, true)
	} else {
		r.unknown(at, class)
	}
	r.keep(p)
}

// breed returns the breed in the name of a picture.
func breed(name string) string {
	return strings.TrimSuffix(strings.TrimRight(name, "0123456789"), "_")
}

// readTrimap returns the pixels of the animal.
func readTrimap(file string, limits data.Limits) (mask.RLE, error) {
	encoded, err := regular.ReadFile(file, maxEncoded)
	if err != nil {
		return mask.RLE{}, fmt.Errorf("cannot be read (%w); replace it", err)
	}
	m, err := limits.DecodeWhole(encoded, false)
	if err != nil {
		return mask.RLE{}, fmt.Errorf("cannot be decoded (%w); replace it", err)
	}
	bounds := m.Bounds()
	width, height := bounds.Dx(), bounds.Dy()
	pixels := make([]uint8, width*height)
	for y := range height {
		for x := range width {
			value := trimapValue(m, bounds.Min.X+x, bounds.Min.Y+y)
			if value < trimapAnimal || value > trimapUnsure {
				return mask.RLE{}, fmt.Errorf("has the value %d; a trimap has 1 (animal), 2 (background) and 3 (unsure)", value)
			}
			if value == trimapAnimal {
				pixels[y*width+x] = 1
			}
		}
	}
	return mask.FromPixels(pixels, width, height)
}

func trimapValue(m image.Image, x, y int) uint8 {
	switch m := m.(type) {
	case *image.Gray:
		return m.GrayAt(x, y).Y
	case *image.Paletted:
		return m.ColorIndexAt(x, y)
	}
	return color.GrayModel.Convert(m.At(x, y)).(color.Gray).Y
}
