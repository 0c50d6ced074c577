package data

import (
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sort"
	"strings"
)

// File is a file of a folder.
type File struct {
	Name string // relative to the folder, with forward slashes
	Info fs.FileInfo
}

// Stem returns the name without its suffix.
func (f File) Stem() string { return strings.TrimSuffix(f.Name, path.Ext(f.Name)) }

// IsPicture reports whether the suffix is that of a picture: of a format that [Decode] reads, or of one for which its error
// names a tool that converts it.
func (f File) IsPicture() bool { return pictureSuffixes[strings.ToLower(path.Ext(f.Name))] }

// IsText reports whether the suffix is .txt.
func (f File) IsText() bool { return strings.EqualFold(path.Ext(f.Name), ".txt") }

var pictureSuffixes = map[string]bool{
	".jpg": true, ".jpeg": true, ".jpe": true, ".jfif": true, ".png": true, ".apng": true, ".gif": true, ".webp": true, ".bmp": true, ".dib": true,
	".tif": true, ".tiff": true, ".heic": true, ".heif": true, ".avif": true, ".jxl": true, ".jp2": true,
}

// Walk lists the files below a folder, sorted by name. It follows links, skips hidden files and folders, and returns an
// error for a link to a folder above it, with the other files. A link that leads nowhere is listed as a file, which then
// cannot be read.
func Walk(root string) ([]File, error) {
	info, err := os.Stat(root)
	if err != nil {
		return nil, fmt.Errorf("%s: cannot be read (%w); check the path and its permissions", root, withoutPath(err))
	}
	var files []File
	err = walk(root, "", []fs.FileInfo{info}, &files)
	sort.Slice(files, func(i, j int) bool { return files[i].Name < files[j].Name })
	return files, err
}

// walk lists the folder below root with a name. chain are the folders from root to it. It goes on after an error, and
// returns the first.
func walk(root, name string, chain []fs.FileInfo, files *[]File) error {
	folder := filepath.Join(root, filepath.FromSlash(name))
	entries, err := os.ReadDir(folder)
	if err != nil {
		return fmt.Errorf("%s: cannot be read (%w); check its permissions", folder, withoutPath(err))
	}
	var first error
	for _, e := range entries {
		if hidden(e.Name()) {
			continue
		}
		below := path.Join(name, e.Name())
		info, err := stat(filepath.Join(folder, e.Name()))
		if err != nil {
			first = cmp.Or(first, fmt.Errorf("%s: cannot be read (%w); repair or remove it", filepath.Join(folder, e.Name()), withoutPath(err)))
			continue
		}
		if !info.IsDir() {
			*files = append(*files, File{below, info})
			continue
		}
		if slices.ContainsFunc(chain, func(above fs.FileInfo) bool { return os.SameFile(above, info) }) {
			first = cmp.Or(first, fmt.Errorf("%s: is a link to a folder above it; remove it", filepath.Join(folder, e.Name())))
			continue
		}
		first = cmp.Or(first, walk(root, below, append(chain[:len(chain):len(chain)], info), files))
	}
	return first
}

// CompareNames compares two names in the order of the numbers in them: part-2 comes before part-10. Equal numbers with more
// zeros come later.
func CompareNames(a, b string) int {
	x, y := a, b
	for x != "" && y != "" {
		m, n := digits(x), digits(y)
		if m > 0 && n > 0 {
			p, q := strings.TrimLeft(x[:m], "0"), strings.TrimLeft(y[:n], "0")
			if c := cmp.Or(cmp.Compare(len(p), len(q)), cmp.Compare(p, q)); c != 0 {
				return c
			}
			x, y = x[m:], y[n:]
			continue
		}
		if x[0] != y[0] {
			return cmp.Compare(x[0], y[0])
		}
		x, y = x[1:], y[1:]
	}
	return cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
}

// digits returns the number of digits at the start.
func digits(s string) int { return len(s) - len(strings.TrimLeft(s, "0123456789")) }

// stat is os.Stat, and os.Lstat of a link that leads nowhere.
func stat(path string) (fs.FileInfo, error) {
	info, err := os.Stat(path)
	if err == nil {
		return info, nil
	}
	if link, linkErr := os.Lstat(path); linkErr == nil {
		return link, nil
	}
	return nil, err
}

// ByFolder makes a class of each first folder in the names, sorted, and a class named other of the names without a folder.
// labels are the classes of the names.
func ByFolder(names []string, other string) (classes []string, labels []int) {
	index := map[string]int{}
	class := func(name string) string {
		if first, _, ok := strings.Cut(name, "/"); ok {
			return first
		}
		return other
	}
	for _, name := range names {
		if c := class(name); index[c] == 0 {
			index[c] = 1
			classes = append(classes, c)
		}
	}
	sort.Strings(classes)
	for i, c := range classes {
		index[c] = i
	}
	for _, name := range names {
		labels = append(labels, index[class(name)])
	}
	return classes, labels
}
