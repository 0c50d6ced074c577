package boxes

import (
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/data"
)

// indexed are the files of a folder by stem. Files of the same stem may lie in several sub-folders.
type indexed struct {
	folder      string
	annotations map[string][]string // paths of XML files
	pictures    map[string][]string // paths of pictures
}

// index finds XML files and pictures.
func index(folder string, files []data.File) indexed {
	f := indexed{folder, map[string][]string{}, map[string][]string{}}
	for _, file := range files {
		full := filepath.Join(folder, filepath.FromSlash(file.Name))
		key := stem(file.Name)
		switch {
		case strings.EqualFold(path.Ext(file.Name), ".xml"):
			f.annotations[key] = append(f.annotations[key], full)
		case file.IsPicture() && !strings.Contains(file.Name, "Segmentation") && !strings.Contains(file.Name, "trimaps/"):
			f.pictures[key] = append(f.pictures[key], full)
		}
	}
	return f
}

// names returns the stems of the XML files in their order.
func (f indexed) names() []string { return sortedNames(f.annotations) }

// sortedNames returns the keys of a map in their order.
func sortedNames[V any](m map[string]V) []string {
	return slices.SortedFunc(maps.Keys(m), data.CompareNames)
}

// picture returns the picture of an XML file that names a file: the one of the same stem or else of that of the named file, "" if there
// is none. Of several, it is that with the most folders in common, counted from the file: a/1.jpg belongs to a/1.xml, and
// JPEGImages/a/1.jpg to Annotations/a/1.xml. Of several of these, it is that with the named file's suffix, or else the first.
func (f indexed) picture(file, named string) string {
	all := f.pictures[stem(file)]
	if len(all) == 0 {
		all = f.pictures[stem(named)]
	}
	best, most := "", -1
	for _, p := range all {
		score := 2 * common(filepath.Dir(file), filepath.Dir(p))
		if strings.EqualFold(filepath.Ext(p), path.Ext(named)) {
			score++
		}
		if score > most {
			best, most = p, score
		}
	}
	return best
}

// common returns the number of folders that the ends of two paths have in common.
func common(a, b string) (n int) {
	x, y := strings.Split(filepath.ToSlash(a), "/"), strings.Split(filepath.ToSlash(b), "/")
	for n < len(x) && n < len(y) && x[len(x)-1-n] == y[len(y)-1-n] {
		n++
	}
	return n
}

// unused returns the names of the pictures that no XML file has used, without those that XML files of their stem have found damaged.
func (f indexed) unused(used map[string]bool) (names []string) {
	for key, all := range f.pictures {
		for _, p := range all {
			if !used[p] && len(f.annotations[key]) == 0 {
				names = append(names, relative(f.folder, p))
			}
		}
	}
	slices.SortFunc(names, data.CompareNames)
	return names
}
