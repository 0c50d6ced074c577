// Package webdataset reads pictures and captions from tar archives in the format of the WebDataset library (Aizman, Maltby
// and Breuel, "High performance I/O for large scale deep learning", 2019, https://github.com/webdataset/webdataset).
//
// The files of an archive with the same name up to the first dot, folders included, are a sample. What follows the dot is
// the column: 0001.jpg and 0001.txt are the columns jpg and txt of the sample 0001. Archives may be packed with gzip, zstd, xz, bzip2
// or lz4, which their content shows. A dataset is one archive or a folder of them.
package webdataset

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/internal/printable"
	"github.com/bestiary-ml/bestiary/internal/regular"
)

const layout = "webdataset"

var suffixes = []string{
	".tar", ".tar.gz", ".tgz", ".tar.zst", ".tzst", ".tar.xz", ".txz", ".tar.bz2", ".tbz2", ".tbz", ".tar.lz4", ".tlz4",
}

// Is reports whether path is an archive, or a folder of archives without sub-folders.
func Is(path string) bool {
	info, err := os.Stat(path)
	if err != nil {
		return false
	}
	if info.IsDir() {
		archives, others := archivesIn(path)
		folder := func(name string) bool {
			info, err := os.Stat(filepath.Join(path, name))
			return err == nil && info.IsDir()
		}
		return len(archives) > 0 && !slices.ContainsFunc(others, folder)
	}
	f, _, err := regular.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	return named(path) || packing(f) != nil || isTar(f)
}

// named reports whether the suffix is that of an archive.
func named(path string) bool {
	return slices.ContainsFunc(suffixes, func(s string) bool { return strings.HasSuffix(strings.ToLower(path), s) })
}

// archivesIn lists the archives of a folder by name, and its other files.
func archivesIn(folder string) (archives, others []string) {
	entries, _ := os.ReadDir(folder)
	for _, e := range entries {
		switch {
		case strings.HasPrefix(e.Name(), "."):
		case named(e.Name()):
			archives = append(archives, e.Name())
		default:
			others = append(others, e.Name())
		}
	}
	return archives, others
}

// List lists the samples of an archive, or of the archives in a folder, that have a picture. Options.Images and Options.Texts
// name the columns by preference: the first that a sample has is used. The classes are the top-level folders of the
// archives. Splits are derived from the names of the samples, see [data.HeldOut].
//
// Errors: a [*fault.FieldError] for options, and a [*fault.DamagedFile] for a damaged archive.
func List(path string, o data.Options) (s data.Source, err error) {
	defer printable.Error(&err)
	s = data.Source{Layout: layout, Path: path}
	o, err = o.ResolveFor(layout, path, data.UseColumns)
	if err != nil {
		return s, err
	}
	wanted, err := parseColumns(o)
	if err != nil {
		return s, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return s, fmt.Errorf("%s: %s: cannot be found; give a .tar, packed or not, or a folder of them", layout, path)
	}
	folder, archives := filepath.Dir(path), []string{filepath.Base(path)}
	if info.IsDir() {
		var others []string
		folder = path
		if archives, others = archivesIn(path); len(archives) == 0 {
			return s, fmt.Errorf("%s: %s: holds no .tar, packed or not; give a folder that does", layout, path)
		}
		s.AddNote("beside the archives, left out", others)
	}
	c := newCatalogue(wanted)
	c.context = o.Context
	for _, a := range archives {
		prefix := ""
		if info.IsDir() {
			prefix = a + "/"
		}
		if err := c.add(filepath.Join(folder, a), prefix); err != nil {
			return s, fmt.Errorf("%s: %w", layout, err)
		}
	}
	if err := c.source(&s, o); err != nil {
		return s, fmt.Errorf("%s: %s: %w", layout, path, err)
	}
	return s, nil
}

// source fills the source with the samples that were found.
func (c *catalogue) source(s *data.Source, o data.Options) error {
	var keys []string
	var found []*sample
	captioned := false
	for _, a := range c.archives {
		for _, p := range a.samples {
			switch {
			case p.picture.column >= 0:
				captioned = captioned || p.text.column >= 0
				keys = append(keys, p.key)
				found = append(found, p)
			case p.text.column >= 0:
				s.Orphans = append(s.Orphans, a.prefix+p.text.name)
			default:
				c.bare = append(c.bare, a.prefix+p.key)
			}
		}
	}
	if len(found) == 0 && len(c.empty) > 0 {
		return fmt.Errorf("all %d pictures are empty files; pack the archive again", len(c.empty))
	}
	if len(found) == 0 {
		return fmt.Errorf("none of %d samples has a picture in a column %s, they have %s; name the column of the pictures", len(s.Orphans)+len(c.bare), join(c.columns.images), c.described())
	}
	if !captioned && (o.Captions || o.Texts != "") {
		return fmt.Errorf("none of %d samples has captions in a column %s, they have %s; name the column of the captions", len(found), join(c.columns.texts), c.described())
	}
	name, _, _ := strings.Cut(filepath.Base(s.Path), ".")
	classes, labels := data.ByFolder(keys, name)
	s.Classes = classes
	var texts []part
	for i, p := range found {
		if !o.Split.Has(data.HeldOut(p.key)) {
			continue
		}
		a := p.archive
		a.wanted[p.picture.number] = wanted{len(s.Items), p.picture.name}
		if p.text.column >= 0 {
			p.text.name = a.prefix + p.text.name
		}
		s.Items = append(s.Items, data.Item{Name: a.prefix + p.picture.name, Label: labels[i], Stamp: a.stamp})
		texts = append(texts, p.text)
	}
	if captioned {
		s.Texts = func(i int) (string, []byte, error) { return texts[i].name, texts[i].content, texts[i].err }
	}
	s.Read = c.read
	s.Notes = append(s.Notes, c.notes...)
	s.AddNote("pictures that are empty files, left out", c.empty)
	s.AddNote("samples with neither picture nor caption, left out", c.bare)
	s.AddNote("files that are in an archive twice, the first used", c.twice)
	if len(c.unused) > 0 {
		s.Notes = append(s.Notes, "columns that are not used: "+count(c.unused))
	}
	return nil
}

// described lists the columns of the archives.
func (c *catalogue) described() string { return count(c.present) }

// count lists columns with their numbers of files.
func count(columns map[string]int) string {
	const most = 20
	var list []string
	for _, name := range slices.Sorted(maps.Keys(columns)) {
		if len(list) == most {
			list = append(list, fmt.Sprintf("%d more", len(columns)-most))
			break
		}
		list = append(list, fmt.Sprintf("%s (%d)", cmp.Or(printable.Short(name), "no suffix"), columns[name]))
	}
	return strings.Join(list, ", ")
}
