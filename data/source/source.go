// Package source opens a dataset in whichever of the known layouts a path holds.
package source

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/data/boxes"
	"github.com/bestiary-ml/bestiary/data/cub"
	"github.com/bestiary-ml/bestiary/data/pets"
	"github.com/bestiary-ml/bestiary/data/webdataset"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/printable"
	"github.com/bestiary-ml/bestiary/internal/regular"
)

// known says what Open looks for, for its errors.
const known = "annotations/list.txt and images/ (the Oxford pets), a parquet file or a folder of parquet files of them, CUB_200_2011 (birds), pictures and .txt files of the same names, " +
	"WebDataset .tar files (packed with gzip, zstd, xz, bzip2, lz4 or not), or one sub-folder of pictures a class"

// Open recognises the layout at a path and loads it:
//
//   - a parquet file, or a folder of them: the pets as Hugging Face has them, see [pets.Parquet];
//   - a folder with annotations/list.txt and images/: the official pets, see [pets.Folder];
//   - CUB_200_2011 or a folder that holds it: the birds, see [cub.Folder];
//   - a .tar, packed or not, or a folder of them without sub-folders: pictures and captions as WebDataset has them, see [webdataset.List];
//   - a folder with, at any depth, a picture and a .txt file of its name: pictures with captions, see [data.Pairs];
//   - a folder without sub-folders: pictures of one class, without captions, see [data.Pairs];
//   - any other folder: one sub-folder a class, see [data.Folder].
//
// It also opens pictures that this module draws: "drawn:SEED:N" is N cats and dogs, "birds:SEED:N" is N birds with
// captions; see [DrawnPets] and [DrawnBirds]. Pictures 0 to N−1 of the seed are split Trainval, the next N/5 are Test.
//
// Errors: a [*fault.FieldError] for an option that is not allowed, or that the layout has no use for;
// [data.ErrNoCaptions]; a [*fault.OutOfMemory]; otherwise what is wrong with the files.
func Open(path string, o data.Options) (d *data.Dataset, err error) {
	defer printable.Error(&err)
	if IsDrawn(path) {
		return openDrawn(path, o)
	}
	s, err := listSubjects(path, o)
	if err != nil {
		return nil, err
	}
	return data.Load(s, o)
}

// listSubjects is list with the subjects, if they are cut out: with the boxes and masks that detectors find, or with the boxes of the
// dataset.
func listSubjects(path string, o data.Options) (data.Source, error) {
	if _, err := o.Resolve(); err != nil {
		return data.Source{}, err
	}
	s, err := listBoxes(path, o)
	if err != nil || o.Resize.Run() == "" && o.Cutout == "" {
		return s, err
	}
	return data.FindSubjects(s, o)
}

// listBoxes is list with the boxes of CUB, or those of any other dataset with boxes that package boxes reads, if o.Resize cuts along them.
func listBoxes(path string, o data.Options) (data.Source, error) {
	if o.Resize == o.Resize.WithoutBoxes() || o.Resize.Run() == "" && cub.Is(path) {
		return list(path, o)
	}
	squashed := o
	squashed.Resize = data.Squash
	s, err := list(path, squashed)
	if err != nil || o.Resize.Run() != "" {
		return s, err
	}
	return withBoxes(path, s, o)
}

// withBoxes adds the largest box of each picture.
func withBoxes(path string, s data.Source, o data.Options) (data.Source, error) {
	set, err := boxes.Open(path, boxes.Options{})
	if err != nil {
		return s, fault.Field("Resize", o.Resize, "not available in %s (layout %s), which has no bounding boxes (%v); use squash or crop", path, s.Layout, err)
	}
	largest := map[string]data.Box{}
	for _, p := range set.Pictures {
		var best boxes.Box
		for _, object := range p.Objects {
			if !object.Crowd && object.Box.Area() > best.Area() {
				best = object.Box
			}
		}
		if !best.Empty() {
			x, y, width, height := best.Size()
			largest[p.Name] = data.Box{X: x, Y: y, Width: width, Height: height}
		}
	}
	all := make([]data.Box, len(s.Items))
	var pictures []string
	for i, item := range s.Items {
		all[i] = largest[item.Name]
		if _, there := largest[item.Name]; !there && !isAnnotation(item.Name) {
			pictures = append(pictures, item.Name)
		}
	}
	if s, err = s.WithBoxes(all, ""); err != nil {
		return s, err
	}
	s.AddNote("pictures without a box, left out", pictures)
	return s, nil
}

// isAnnotation reports whether a file beside pictures may have their boxes.
func isAnnotation(name string) bool {
	return slices.Contains([]string{".xml", ".txt", ".json"}, strings.ToLower(filepath.Ext(name)))
}

// OpenDescription opens the pictures that a run was trained on, its held-out pictures included: those of d's path, in
// d's size, channels and shape. It opens d's split unless o.Split chooses another. Of o it also uses Captions, Workers,
// Cache, Progress, Subjects and Segmenter. It is an error if the classes are not d's.
func OpenDescription(d data.Description, o data.Options) (*data.Dataset, error) {
	o.Size, o.Channels, o.Resize, o.Cutout = d.Size, d.Channels, data.Resize(d.Resize), data.Cutout(d.Cutout)
	o.Labels, o.Images, o.Texts = data.Labels(d.Labels), d.Images, d.Texts
	if o.Split == "" {
		o.Split = data.Split(d.Split)
	}
	path, err := Find(d)
	if err != nil {
		return nil, err
	}
	if d.NamesAsCaptions() {
		o.Captions = false
	}
	opened, err := Open(path, o)
	if err != nil {
		return nil, err
	}
	if opened, err = d.Caption(opened); err != nil {
		return nil, err
	}
	if len(d.Classes) > 0 && !slices.Equal(opened.Classes, d.Classes) {
		return nil, fmt.Errorf("data: %s: its classes are %s and the run's are %s; put back the pictures that the run was trained on",
			d.Path, strings.Join(opened.Classes, ", "), strings.Join(d.Classes, ", "))
	}
	return opened, nil
}

// Find returns the path of a run's pictures, see [data.Description.Locate], or an error that says where they were looked
// for.
func Find(d data.Description) (_ string, err error) {
	defer printable.Error(&err)
	if IsDrawn(d.Path) {
		return d.Path, nil
	}
	path := d.Locate()
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	const remedy = "put the pictures back, or give the path that they have now"
	if path == d.Path && !filepath.IsAbs(path) {
		here, _ := os.Getwd() // "" leaves the folder out
		return "", fmt.Errorf("data: %s: cannot be found in the current folder %s, and the run, which is of an earlier version, doesn't record in which folder it was trained; change to that folder, or give the path that the pictures have now", d.Path, here)
	}
	if path == d.Path {
		return "", fmt.Errorf("data: %s: cannot be found, and the run was trained on it; %s", d.Path, remedy)
	}
	return "", fmt.Errorf("data: %s: can be found neither in %s, where the run was trained on it, nor in the current folder; %s", d.Path, d.From, remedy)
}

// list recognises the layout at a path and lists its pictures.
func list(path string, o data.Options) (data.Source, error) {
	info, err := os.Stat(path)
	if err != nil {
		return data.Source{}, fmt.Errorf("data: %s: cannot be found; give a path that holds %s", path, known)
	}
	switch {
	case !info.IsDir() && !info.Mode().IsRegular():
		return data.Source{}, fmt.Errorf("data: %s: is neither a file nor a folder but a pipe or a device; give a path that holds %s", path, known)
	case !info.IsDir() && pets.IsParquet(path):
		return pets.Parquet(path, o)
	case !info.IsDir() && webdataset.Is(path):
		return webdataset.List(path, o)
	case !info.IsDir():
		return data.Source{}, fmt.Errorf("data: %s: is a file, and neither parquet nor tar%s; give a path that holds %s", path, unpacker(path), known)
	case pets.Is(path):
		return pets.Folder(path, o)
	case cub.Is(path):
		return cub.Folder(path, o)
	case pets.IsParquet(path):
		return pets.Parquet(path, o)
	case webdataset.Is(path): // not before the pets and birds, which may lie beside the archives that they came in
		return webdataset.List(path, o)
	case data.HasPairs(path):
		return data.Pairs(path, o)
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return data.Source{}, fmt.Errorf("data: %s: cannot be read; check its permissions", path)
	}
	if len(entries) == 0 {
		return data.Source{}, fmt.Errorf("data: %s: is empty; give a path that holds %s", path, known)
	}
	folders, official := 0, 0
	for _, e := range entries {
		if sub, err := os.Stat(filepath.Join(path, e.Name())); err == nil && sub.IsDir() {
			folders++
			if e.Name() == "images" || e.Name() == "annotations" {
				official++
			}
		}
	}
	switch {
	case folders == 0:
		return data.Pairs(path, o)
	case folders == official:
		return data.Source{}, fmt.Errorf("data: %s: looks like the pets but has no annotations/list.txt; unpack annotations.tar.gz there", path)
	}
	return data.Folder(path, o)
}

// unpackers are the tools that unpack archives of other kinds, by their first bytes.
var unpackers = []struct{ magic, kind, tool string }{
	{"PK\x03\x04", "zip", "unzip"}, {"7z\xbc\xaf\x27\x1c", "7z", "7z x"}, {"Rar!\x1a\x07", "RAR", "unrar x"}, {"\x1f\x9d", ".Z", "uncompress"},
	{"\x5d\x00\x00", "LZMA", "unlzma"}, {"LZIP", "lzip", "lzip -d"}, {"ARROW1", "Arrow", "pyarrow, writing parquet"},
}

// unpacker says what a file is and which tool unpacks it, or nothing.
func unpacker(path string) string {
	f, _, err := regular.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	start := make([]byte, 8)
	n, _ := f.ReadAt(start, 0)
	for _, u := range unpackers {
		if strings.HasPrefix(string(start[:n]), u.magic) {
			return fmt.Sprintf(" but %s, which %s unpacks", u.kind, u.tool)
		}
	}
	return ""
}
