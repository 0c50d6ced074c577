// Package pets reads the Oxford-IIIT Pet Dataset (Parkhi, Vedaldi, Zisserman and Jawahar, "Cats and Dogs", 2012,
// https://www.robots.ox.ac.uk/~vgg/data/pets) in its official layout and in the parquet form that Hugging Face hosts.
//
// The official layout is images/NAME.jpg and annotations/{list,trainval,test}.txt. Their lines are
//
//	NAME CLASS-ID SPECIES BREED-ID
//
// with species 1 for cats and 2 for dogs. NAME is the breed and a number, such as Bengal_12. The breeds of cats start with an
// upper-case letter. The parquet form (https://parquet.apache.org) is described at [Parquet].
package pets

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/internal/printable"
)

var species = []string{"cat", "dog"}

// Is reports whether a folder has the list of the official layout.
func Is(root string) bool {
	_, err := os.Stat(filepath.Join(root, "annotations", "list.txt"))
	return err == nil
}

// Folder lists the official layout. The splits Trainval and Test are the photos in trainval.txt and test.txt. Split All is
// every photo in images/, also those that no list names, if the class follows from the name. The notes of the source count
// listed photos that are missing, unlisted photos and stray files.
//
// Errors: a [*fault.FieldError] for options, and a [*fault.DamagedFile] for a damaged list.
func Folder(root string, o data.Options) (s data.Source, err error) {
	defer printable.Error(&err)
	s = data.Source{Layout: "pets", Path: root}
	o, err = o.ResolveFor(s.Layout, root, data.UseLabels)
	if err != nil {
		return s, err
	}
	list, err := readList(root, "list.txt")
	if err != nil {
		return s, err
	}
	wanted := list
	if o.Split != data.All {
		if wanted, err = readList(root, string(o.Split)+".txt"); err != nil {
			return s, err
		}
	}
	files, stray, err := readImages(root)
	if err != nil {
		return s, err
	}
	listed := map[string]bool{}
	for _, e := range list {
		listed[e.name] = true
	}
	var unlisted []string
	for name := range files {
		if !listed[name] {
			unlisted = append(unlisted, name)
		}
	}
	sort.Strings(unlisted)
	if o.Split == data.All {
		for _, name := range unlisted {
			wanted = append(wanted, entry{name, speciesOf(name)})
		}
	}

	label := newLabeller(o.Labels, list)
	s.Classes = label.classes
	var paths, missing, unknown []string
	for _, e := range wanted {
		class, ok := label.of(e)
		file := files[e.name]
		switch {
		case !ok:
			unknown = append(unknown, e.name)
		case file == nil:
			missing = append(missing, e.name)
		default:
			s.Items = append(s.Items, data.Item{Name: "images/" + file.Name(), Label: class, Stamp: data.Stamp(file)})
			paths = append(paths, filepath.Join(root, "images", file.Name()))
		}
	}
	use := "left out"
	if o.Split == data.All {
		use = "used"
	}
	s.AddNote("in images/ but not in list.txt, "+use, unlisted)
	s.AddNote("in the list but not in images/", missing)
	s.AddNote("of a breed that list.txt does not have, left out", unknown)
	s.AddNote("in images/ but no picture, left out", stray)
	if len(s.Items) == 0 {
		return s, fmt.Errorf("pets: %s: none of the %d photos listed for split %s is there; unpack images.tar.gz there", filepath.Join(root, "images"), len(wanted), o.Split)
	}
	s.Read = data.Files(paths)
	return s, nil
}

// readImages lists the pictures in images/ by name without suffix, and the other files: the published archive holds some .mat
// files by mistake.
func readImages(root string) (files map[string]fs.FileInfo, stray []string, err error) {
	folder := filepath.Join(root, "images")
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, nil, fmt.Errorf("pets: %s: cannot be read; unpack images.tar.gz there", folder)
	}
	files = map[string]fs.FileInfo{}
	for _, e := range entries {
		suffix := filepath.Ext(e.Name())
		info, err := os.Stat(filepath.Join(folder, e.Name()))
		if err != nil || info.IsDir() || !(data.File{Name: e.Name()}).IsPicture() {
			stray = append(stray, e.Name())
			continue
		}
		name := strings.TrimSuffix(e.Name(), suffix)
		if _, twice := files[name]; twice {
			return nil, nil, fmt.Errorf("pets: %s: another picture has the same name but for the suffix; remove one", filepath.Join(folder, e.Name()))
		}
		files[name] = info
	}
	return files, stray, nil
}

// labeller finds the class of an entry. The classes are the same for every split.
type labeller struct {
	classes []string
	breeds  map[string]int // nil if the classes are species
}

func newLabeller(labels data.Labels, all []entry) labeller {
	if labels != data.Breed {
		return labeller{classes: species}
	}
	l := labeller{breeds: map[string]int{}}
	for _, e := range all {
		if breed := breedOf(e.name); l.breeds[breed] == 0 {
			l.breeds[breed] = 1
			l.classes = append(l.classes, breed)
		}
	}
	// Sorted without regard to case: the order of the official class numbers.
	sort.Slice(l.classes, func(i, j int) bool { return strings.ToLower(l.classes[i]) < strings.ToLower(l.classes[j]) })
	for i, breed := range l.classes {
		l.breeds[breed] = i
	}
	return l
}

func (l labeller) of(e entry) (class int, ok bool) {
	if l.breeds == nil {
		return e.species, true
	}
	class, ok = l.breeds[breedOf(e.name)]
	return class, ok
}

// breedOf removes the number of a name: american_bulldog_12 becomes american_bulldog.
func breedOf(name string) string {
	if i := strings.LastIndexByte(name, '_'); i > 0 {
		return name[:i]
	}
	return name
}

// speciesOf returns the species by the case of the first letter.
func speciesOf(name string) int {
	if first, _ := utf8.DecodeRuneInString(name); unicode.IsUpper(first) {
		return 0
	}
	return 1
}
