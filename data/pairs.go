package data

import (
	"fmt"
	"path/filepath"
	"sort"
	"strings"

	"github.com/bestiary-ml/bestiary/internal/printable"
)

// Pairs lists a folder of pictures and .txt files, at any depth. The captions of a.jpg are in a.txt, one a line: in the same
// folder, or in another one: images/owl/a.jpg has them in texts/owl/a.txt, or in texts/a.txt if no other picture is called a. The classes are the top-level folders. Splits are derived from
// the names without suffix, see [HeldOut]. Without any .txt file, the pictures have no captions.
func Pairs(root string, o Options) (s Source, err error) {
	defer printable.Error(&err)
	s = Source{Layout: "pairs", Path: root}
	o, err = o.ResolveFor(s.Layout, root, 0)
	if err != nil {
		return s, err
	}
	m, err := matchFiles(root)
	if err != nil {
		return s, fmt.Errorf("%s: %w", s.Layout, err)
	}
	switch {
	case len(m.pictures) == 0:
		return s, fmt.Errorf("%s: %s: has no pictures at any depth; give a folder of pictures and .txt files of the same names", s.Layout, root)
	case len(m.textOf) == 0 && len(m.orphans) > 0:
		return s, fmt.Errorf("%s: %s: none of %d .txt files has the name of one of %d pictures; name each as its picture", s.Layout, root, len(m.orphans), len(m.pictures))
	}
	names := make([]string, len(m.pictures))
	for i, f := range m.pictures {
		names[i] = f.Name
	}
	var paths, texts []string
	var labels []int
	s.Classes, labels = ByFolder(names, filepath.Base(root))
	for _, class := range s.Classes {
		if err := CheckClass(class); err != nil {
			return s, fmt.Errorf("%s: %s: %w", s.Layout, root, err)
		}
	}
	for i, f := range m.pictures {
		if !o.Split.Has(HeldOut(f.Stem())) {
			continue
		}
		text := m.textOf[i].Name
		s.Items = append(s.Items, Item{Name: f.Name, Label: labels[i], Stamp: Stamp(f.Info)})
		paths = append(paths, filepath.Join(root, filepath.FromSlash(f.Name)))
		texts = append(texts, text)
	}
	s.Read, s.Orphans = Files(paths), m.orphans
	if len(m.textOf) > 0 {
		s.Texts = TextFiles(root, texts)
	}
	s.AddNote("neither pictures nor captions, left out", m.others)
	return s, nil
}

// HasPairs reports whether a folder holds, at any depth, a picture and a .txt file of the same name.
func HasPairs(root string) bool {
	files, _ := Walk(root) // Pairs returns its error
	return len(match(files).textOf) > 0
}

// matches are the files of a folder, with the text of each picture.
type matches struct {
	pictures        []File
	textOf          map[int]File // by picture
	orphans, others []string     // texts without a picture; files that are neither
}

// matchFiles finds the text of each picture of a folder.
func matchFiles(root string) (matches, error) {
	files, err := Walk(root)
	if err != nil {
		return matches{}, err
	}
	return match(files), nil
}

// match finds the text of each picture of some files.
func match(files []File) matches {
	m := matches{textOf: map[int]File{}}
	texts := map[string]File{} // without a picture so far, by stem
	for _, f := range files {
		switch _, twice := texts[f.Stem()]; {
		case f.IsPicture():
			m.pictures = append(m.pictures, f)
		case f.IsText() && !twice:
			texts[f.Stem()] = f
		default:
			m.others = append(m.others, f.Name)
		}
	}
	for i, f := range m.pictures {
		if text, ok := texts[f.Stem()]; ok {
			m.textOf[i] = text
		}
	}
	for _, text := range m.textOf {
		delete(texts, text.Stem())
	}
	m.matchElsewhere(texts)
	for _, text := range texts {
		m.orphans = append(m.orphans, text.Name)
	}
	sort.Strings(m.orphans)
	return m
}

// matchElsewhere matches pictures and texts in different folders by the end of their names: images/owl/1.jpg has its
// captions in texts/owl/1.txt, and images/a.jpg in captions/a.txt. The longest end that both share decides, if no other
// picture and no other text share it.
func (m *matches) matchElsewhere(texts map[string]File) {
	for parts := m.deepest(texts); parts > 0; parts-- {
		pictures, stems := map[string][]int{}, map[string][]string{} // by the last parts of the name
		for i, f := range m.pictures {
			if _, ok := m.textOf[i]; ok {
				continue
			}
			if end, ok := lastParts(f.Stem(), parts); ok {
				pictures[end] = append(pictures[end], i)
			}
		}
		for stem := range texts {
			if end, ok := lastParts(stem, parts); ok {
				stems[end] = append(stems[end], stem)
			}
		}
		for end, found := range pictures {
			if len(found) == 1 && len(stems[end]) == 1 {
				stem := stems[end][0]
				m.textOf[found[0]] = texts[stem]
				delete(texts, stem)
			}
		}
	}
}

// deepest returns the largest number of parts of a text's name.
func (m *matches) deepest(texts map[string]File) (parts int) {
	for stem := range texts {
		parts = max(parts, 1+strings.Count(stem, "/"))
	}
	return min(parts, 16)
}

// lastParts returns the last parts of a name; ok is false if it has fewer.
func lastParts(name string, parts int) (end string, ok bool) {
	at := len(name)
	for range parts {
		if at < 0 {
			return "", false
		}
		at = strings.LastIndexByte(name[:at], '/')
	}
	return name[at+1:], true
}
