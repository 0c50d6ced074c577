package data

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"unicode/utf8"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/printable"
)

// Folder lists a folder with one sub-folder a class. The classes are the names of the sub-folders, sorted. Every file in a
// sub-folder is taken for a picture; hidden files and folders are skipped. Splits are derived from names, see [HeldOut].
// With Labels Breed, the classes are the names of the files without their numbers: persian_12.jpg is a persian.
func Folder(root string, o Options) (s Source, err error) {
	defer printable.Error(&err)
	s = Source{Layout: "folder", Path: root}
	o, err = o.ResolveFor(s.Layout, root, UseLabels)
	if err != nil {
		return s, err
	}
	entries, err := os.ReadDir(root)
	if err != nil {
		return s, fmt.Errorf("folder: %s: cannot be read (%w); check the path and its permissions", root, withoutPath(err))
	}
	var paths, loose []string
	for _, e := range entries {
		if hidden(e.Name()) {
			continue
		}
		if info, err := os.Stat(filepath.Join(root, e.Name())); err != nil || !info.IsDir() { // Stat follows links
			loose = append(loose, e.Name())
			continue
		}
		if err := CheckClass(e.Name()); err != nil {
			return s, fmt.Errorf("folder: %s: %w", root, err)
		}
		s.Classes = append(s.Classes, e.Name())
	}
	if len(s.Classes) == 0 {
		return s, fmt.Errorf("folder: %s: has no sub-folders; put the pictures of each class in a sub-folder of its name", root)
	}
	sort.Strings(s.Classes)
	s.AddNote("not in a class and left out", loose)
	breeds := map[string]bool{} // of all splits
	for label, class := range s.Classes {
		files, err := s.class(root, class)
		if err != nil {
			return s, err
		}
		for _, f := range files {
			name := class + "/" + f.Name()
			if o.Labels == Breed {
				breed := breedOf(name)
				if breed == "" {
					return s, fault.Field("Labels", o.Labels, "not available in %s (layout folder), as %s is not named after its breed and a number, like persian_12.jpg; leave it empty", root, name)
				}
				breeds[breed] = true
			}
			if !o.Split.Has(HeldOut(name)) {
				continue
			}
			s.Items = append(s.Items, Item{Name: name, Label: label, Stamp: Stamp(f)})
			paths = append(paths, filepath.Join(root, class, f.Name()))
		}
	}
	if o.Labels == Breed {
		s.Classes = slices.Sorted(maps.Keys(breeds))
		for i, item := range s.Items {
			s.Items[i].Label, _ = slices.BinarySearch(s.Classes, breedOf(item.Name))
		}
	}
	s.Read = Files(paths)
	return s, nil
}

// breedOf returns the name of a file without its number: persian of cat/persian_12.jpg; "" if it has none.
func breedOf(name string) string {
	stem := strings.TrimSuffix(path.Base(name), path.Ext(name))
	at := strings.LastIndexByte(stem, '_')
	if at < 1 || at == len(stem)-1 || strings.Trim(stem[at+1:], "0123456789") != "" {
		return ""
	}
	return stem[:at]
}

// CheckClass returns an error for a name that cannot be a class, as it is not UTF-8 text and a run could not store it.
func CheckClass(name string) error {
	if !utf8.ValidString(name) {
		return fmt.Errorf("the name of class %s is not UTF-8; rename it", printable.Short(name))
	}
	return nil
}

// class lists the pictures of one class.
func (s *Source) class(root, class string) (files []fs.FileInfo, err error) {
	folder := filepath.Join(root, class)
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, fmt.Errorf("folder: %s: cannot be read (%w); check its permissions", folder, withoutPath(err))
	}
	var nested []string
	for _, e := range entries {
		if hidden(e.Name()) {
			continue
		}
		info, err := stat(filepath.Join(folder, e.Name()))
		switch {
		case err != nil:
			return nil, fmt.Errorf("folder: %s: cannot be read (%w); repair or remove it", filepath.Join(folder, e.Name()), withoutPath(err))
		case info.IsDir():
			nested = append(nested, class+"/"+e.Name())
		default:
			files = append(files, named{info, e.Name()})
		}
	}
	if len(files) == 0 && len(nested) > 0 {
		return nil, fmt.Errorf("folder: %s: has sub-folders but no pictures; give the folder whose sub-folders are the classes", folder)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("folder: %s: has no pictures; add some or remove it", folder)
	}
	s.AddNote("folders inside a class, left out", nested)
	return files, nil
}

// named is the FileInfo of a file with the name of the link that leads to it.
type named struct {
	fs.FileInfo
	name string
}

func (n named) Name() string { return n.name }

func hidden(name string) bool {
	return strings.HasPrefix(name, ".") || name == "__MACOSX" || name == "Thumbs.db"
}

// Files returns a Reader of files: item i is in paths[i].
func Files(paths []string) Reader {
	return func(yield func(int, Encoded) bool) error {
		for i, path := range paths {
			if !yield(i, func() ([]byte, error) { return readFile(path, maxEncoded) }) {
				return nil
			}
		}
		return nil
	}
}

// HeldOut derives a split for datasets without one: it is true for about one name in five. It depends on the name alone
// (the first eight bytes of its SHA-256, modulo 5), so a picture keeps its split when others are added.
func HeldOut(name string) bool {
	sum := sha256.Sum256([]byte(name))
	return binary.BigEndian.Uint64(sum[:])%5 == 0
}
