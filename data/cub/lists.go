package cub

import (
	"bufio"
	"bytes"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/printable"
)

// lists are the contents of the four lists.
type lists struct {
	classes []string       // names without number, in the order of classes.txt
	numbers []int          // their ids
	index   map[string]int // by name with number
	photos  []photo        // in the order of images.txt
}

// photo is a line of images.txt with what the other lists say about it.
type photo struct {
	id    int
	name  string // below images/
	class int    // index
	test  bool   // in the official test split; false if the split is not read
}

// readLists reads the lists that a split needs.
func readLists(cub string, split data.Split) (*lists, error) {
	l := &lists{index: map[string]int{}}
	byNumber := map[int]int{}
	err := readList(cub, "classes.txt", "CLASS-ID NAME", func(id int, name string) bool {
		byNumber[id] = len(l.classes)
		l.index[name] = len(l.classes)
		l.classes, l.numbers = append(l.classes, speciesOf(name)), append(l.numbers, id)
		return true
	})
	if err != nil {
		return nil, err
	}
	for _, class := range l.classes {
		if err := data.CheckClass(class); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", layout, filepath.Join(cub, "classes.txt"), err)
		}
	}
	classOf := map[int]int{}
	err = readList(cub, "image_class_labels.txt", "IMAGE-ID CLASS-ID, an id of classes.txt", func(id int, class string) bool {
		number, err := strconv.Atoi(class)
		at, ok := byNumber[number]
		classOf[id] = at
		return err == nil && ok
	})
	if err != nil {
		return nil, err
	}
	training := map[int]bool{}
	if split == data.Trainval || split == data.Test {
		err = readList(cub, "train_test_split.txt", "IMAGE-ID 0 or 1", func(id int, is string) bool {
			training[id] = is == "1"
			return is == "0" || is == "1"
		})
		if err != nil {
			return nil, err
		}
	}
	seen := map[string]bool{}
	unknown := ""
	err = readList(cub, "images.txt", "IMAGE-ID PATH, a path below images/ that is listed once", func(id int, name string) bool {
		if !fs.ValidPath(name) || seen[name] {
			return false
		}
		seen[name] = true
		class, labelled := classOf[id]
		train, divided := training[id]
		switch {
		case !labelled:
			unknown = "image_class_labels.txt"
		case !divided && len(training) > 0:
			unknown = "train_test_split.txt"
		}
		l.photos = append(l.photos, photo{id, name, class, !train})
		return unknown == ""
	})
	if unknown != "" {
		return nil, damaged(filepath.Join(cub, unknown), "has no line for %s of images.txt", l.photos[len(l.photos)-1].name)
	}
	return l, err
}

// readBoxes reads bounding_boxes.txt: the boxes of photos by their id.
func readBoxes(cub string, photos []photo) (map[int]data.Box, error) {
	boxes := map[int]data.Box{}
	err := readColumns(cub, "bounding_boxes.txt", "IMAGE-ID X Y WIDTH HEIGHT", 4, func(id int, values []string) bool {
		var v [4]float64
		for i, text := range values {
			var err error
			if v[i], err = strconv.ParseFloat(text, 64); err != nil || !(v[i] >= -1 && v[i] <= 1<<16) {
				return false
			}
		}
		boxes[id] = data.Box{X: v[0], Y: v[1], Width: v[2], Height: v[3]}
		return v[2] > 0 && v[3] > 0
	})
	if err != nil {
		return nil, err
	}
	for _, p := range photos {
		if _, ok := boxes[p.id]; !ok {
			return nil, damaged(filepath.Join(cub, "bounding_boxes.txt"), "has no line for %s of images.txt", p.name)
		}
	}
	return boxes, nil
}

// readList calls f with the two columns of every line of a list. f returns false for a line that is wrong.
func readList(cub, file, form string, f func(id int, value string) bool) error {
	return readColumns(cub, file, form, 1, func(id int, values []string) bool { return f(id, values[0]) })
}

// readColumns calls f with the id and the n other columns of every line of a list. f returns false for a line that is
// wrong.
func readColumns(cub, file, form string, n int, f func(id int, values []string) bool) error {
	name := filepath.Join(cub, file)
	text, err := data.ReadList(name)
	if err != nil {
		return fmt.Errorf("%s: %s: cannot be read (%w); unpack CUB_200_2011.tgz again", layout, name, err)
	}
	seen := map[int]bool{}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for number := 1; lines.Scan(); number++ {
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 {
			continue
		}
		id, err := strconv.Atoi(fields[0])
		if seen[id] {
			return damaged(fmt.Sprintf("%s:%d", name, number), "id %d is there twice", id)
		}
		seen[id] = true
		if err != nil || len(fields) != n+1 || !f(id, fields[1:]) {
			return damaged(fmt.Sprintf("%s:%d", name, number), "\"%s\" is not %s", printable.Short(lines.Text()), form)
		}
	}
	if err := lines.Err(); err != nil {
		return damaged(name, "is not a text file of short lines (%v)", err)
	}
	if len(seen) == 0 {
		return damaged(name, "is empty")
	}
	return nil
}

// damaged returns the error for a list that is damaged.
func damaged(path, problem string, args ...any) error {
	return fmt.Errorf("%s: %w", layout, fault.Damaged(path, problem+"; unpack CUB_200_2011.tgz again", args...))
}

// heldOut returns the function that says whether a photo is held out in a split.
func (l *lists) heldOut(split data.Split, texts string, s *data.Source) (func(photo) bool, error) {
	if split != data.Seen && split != data.Unseen {
		return func(p photo) bool { return p.test }, nil
	}
	classes, err := l.unseen(texts, s)
	if err != nil {
		return nil, err
	}
	return func(p photo) bool { return classes[p.class] }, nil
}

// unseen returns the held-out classes of the splits Seen and Unseen: those of Reed's testclasses.txt (50 of 200) if that file
// is beside text_c10, otherwise those whose number is a multiple of four. These are also 50 of 200, spread over the
// families, and the same in a part of the dataset as in the whole.
func (l *lists) unseen(texts string, s *data.Source) (map[int]bool, error) {
	classes := map[int]bool{}
	file := filepath.Join(filepath.Dir(texts), "testclasses.txt")
	if texts == "" || !exists(file) {
		for i, number := range l.numbers {
			if number%4 == 0 {
				classes[i] = true
			}
		}
		s.Notes = append(s.Notes, fmt.Sprintf("unseen classes: %d of %d, those with a number divisible by 4; there is no testclasses.txt", len(classes), len(l.classes)))
		return classes, nil
	}
	text, err := data.ReadList(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %s: cannot be read (%w); check its permissions", layout, file, err)
	}
	var unknown []string
	for _, name := range strings.Fields(string(text)) {
		if i, ok := l.index[name]; ok {
			classes[i] = true
		} else {
			unknown = append(unknown, name)
		}
	}
	if len(classes) == 0 {
		return nil, fmt.Errorf("%s: %w", layout, fault.Damaged(file, "names none of the classes of classes.txt; remove it or unpack it again"))
	}
	s.AddNote("in testclasses.txt but not in classes.txt", unknown)
	s.Notes = append(s.Notes, fmt.Sprintf("unseen classes: %d of %d, those of testclasses.txt", len(classes), len(l.classes)))
	return classes, nil
}

// sorted returns the names of files, sorted.
func sorted(files map[string]data.File) []string {
	names := make([]string, 0, len(files))
	for _, f := range files {
		names = append(names, f.Name)
	}
	slices.Sort(names)
	return names
}
