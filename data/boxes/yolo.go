package boxes

import (
	"bytes"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/internal/printable"
	"github.com/bestiary-ml/bestiary/internal/regular"
)

const layoutYOLO = "yolo"

// yoloLine is a line of a text file: a class and a box as shares of the picture.
type yoloLine struct {
	line    int
	class   int
	box     Box
	problem string // why there is no box
}

// parseYOLO reads a text file: CLASS X Y WIDTH HEIGHT in each line, with the centre and the size as shares of the picture. A
// line of a class and three or more corners is a polygon, whose bounding box is taken.
func parseYOLO(content []byte) []yoloLine {
	var all []yoloLine
	number := 0
	for line := range bytes.Lines(bytes.TrimPrefix(content, []byte("\ufeff"))) {
		number++
		words := strings.Fields(string(line))
		if len(words) == 0 {
			continue
		}
		l := yoloLine{line: number}
		class, err := strconv.Atoi(words[0])
		values := make([]float64, len(words)-1)
		for i, word := range words[1:] {
			if values[i], err = strconv.ParseFloat(word, 64); err != nil {
				break
			}
		}
		if _, classErr := strconv.Atoi(words[0]); classErr != nil {
			err = classErr
		}
		l.class = class
		switch {
		case err != nil:
			l.problem = fmt.Sprintf("%q is not CLASS X Y WIDTH HEIGHT in numbers; correct it", short(strings.TrimSpace(string(line))))
		case len(values) == 4:
			l.box = FromCenter(values[0], values[1], values[2], values[3])
		case len(values) >= 6 && len(values)%2 == 0:
			l.box = Box{math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)}
			for i := 0; i < len(values); i += 2 {
				x, y := values[i], values[i+1]
				l.box = l.box.Enclose(Box{x, y, x, y})
			}
		default:
			l.problem = fmt.Sprintf("%d numbers are not CLASS X Y WIDTH HEIGHT; correct the line", len(words))
		}
		all = append(all, l)
	}
	return all
}

// YOLO reads text files of YOLO's form (Redmon et al., 2016): beside each picture, or in labels/ for a picture in images/, a
// file of the same stem with a line CLASS X Y WIDTH HEIGHT for each object. X and Y are the centre; all are shares of the
// picture. Classes are numbers from 0; their names are in classes.txt, obj.names, *.names, or under names: in data.yaml.
//
// The split Trainval is the pictures below images/train or train/images, and Test those of val, valid or test.
func YOLO(root string, o Options) (s *Set, err error) {
	defer printable.Error(&err)
	r, err := newReading(layoutYOLO, root, o)
	if err != nil {
		return nil, err
	}
	files, err := data.Walk(root)
	if err != nil {
		return nil, err
	}
	names, source, err := yoloNames(root, files)
	if err != nil {
		return nil, err
	}
	if names == nil {
		return nil, fmt.Errorf("%s: %s: has no names of classes; add classes.txt with a name a line", layoutYOLO, root)
	}
	classOf := make([]int, len(names))
	var again []string
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			again = append(again, name)
		}
		class, ok := r.class(name)
		if classOf[i] = class; !ok {
			classOf[i] = -1
		}
	}
	r.fixed = true
	r.sameName(again)
	if !slices.ContainsFunc(files, func(f data.File) bool { return f.IsPicture() && ofSplit(f.Name, o.Split) }) && o.Split != "" && o.Split != data.All {
		return nil, noSplit(o, "no folder of pictures has the name of that split, such as train or val")
	}
	texts := map[string]bool{}
	for _, f := range files {
		texts[f.Name] = f.IsText() && f.Name != source
	}
	var without []string
	slices.SortFunc(files, func(a, b data.File) int { return data.CompareNames(a.Name, b.Name) })
	for _, f := range files {
		if !f.IsPicture() || !ofSplit(f.Name, o.Split) {
			continue
		}
		label := labelOf(f.Stem())
		if !texts[label] {
			label = f.Stem() + ".txt"
		}
		p := Picture{Name: f.Name, Path: filepath.Join(root, filepath.FromSlash(f.Name))}
		if !r.measure(&p, mark{file: p.Path}, 0, 0) {
			continue
		}
		if !texts[label] {
			without = append(without, f.Name)
			r.keep(p)
			continue
		}
		texts[label] = false
		r.yolo(&p, filepath.Join(root, filepath.FromSlash(label)), names, classOf)
		r.keep(p)
	}
	for _, f := range files {
		if texts[f.Name] && ofSplit(f.Name, o.Split) && (strings.Contains("/"+f.Name, "/labels/") || !strings.Contains(f.Name, "/")) && isYOLO(filepath.Join(root, filepath.FromSlash(f.Name))) {
			r.set.Report.add(PictureLeftOut, mark{file: filepath.Join(root, filepath.FromSlash(f.Name))}, "its picture is missing; add it or remove the file")
		}
	}
	if len(without) > 0 {
		r.set.Report.Notes = append(r.set.Report.Notes, data.Note("pictures without a text file, taken as without boxes", without, 5))
	}
	return r.done()
}

// yolo adds the boxes of a text file to a picture.
func (r *reading) yolo(p *Picture, file string, names []string, classOf []int) {
	content, err := regular.ReadFile(file, maxAnnotation)
	if err != nil {
		r.set.Report.add(BoxLeftOut, mark{file: file}, "cannot be read (%v); replace it", err)
		return
	}
	for _, l := range parseYOLO(content) {
		at := mark{file, l.line}
		switch {
		case l.problem != "":
			r.set.Report.add(BoxLeftOut, at, "%s", l.problem)
		case l.class < 0 || l.class >= len(names):
			r.set.Report.add(BoxLeftOut, at, "class %d is not one of %d; correct it, or add its name", l.class, len(names))
		case classOf[l.class] < 0:
			r.unknown(at, names[l.class])
		case len(p.Objects) == maxObjects:
			r.set.Report.add(BoxLeftOut, at, "%s has more than %d boxes", p.Name, maxObjects)
		default:
			r.add(p, at, Object{Class: classOf[l.class], Box: rounded(l.box.Scale(float64(p.Width), float64(p.Height)), p.Width, p.Height)})
		}
	}
}

// rounded moves edges that are less than 1/100 pixel outside of the picture to its edge: shares are written with few digits.
func rounded(b Box, width, height int) Box {
	snap := func(v, edge float64) float64 {
		if math.Abs(v-edge) < 0.01 {
			return edge
		}
		return v
	}
	return Box{snap(b.X0, 0), snap(b.Y0, 0), snap(b.X1, float64(width)), snap(b.Y1, float64(height))}
}

// labelOf returns the text file of a picture's stem: the last folder images becomes labels.
func labelOf(stem string) string {
	if i := strings.LastIndex("/"+stem, "/images/"); i >= 0 {
		return stem[:i] + "labels" + stem[i+len("images"):] + ".txt"
	}
	return stem + ".txt"
}

// ofSplit reports whether a file's folders are those of a split.
func ofSplit(name string, split data.Split) bool {
	if split == "" || split == data.All {
		return true
	}
	for folder := range strings.SplitSeq(filepath.ToSlash(filepath.Dir(name)), "/") {
		switch folder {
		case "train", "trainval", "train2017":
			return split == data.Trainval
		case "val", "valid", "test", "val2017":
			return split == data.Test
		}
	}
	return false
}

// isYOLO reports whether the first line of a text file has YOLO's form.
func isYOLO(path string) bool {
	content, err := regular.ReadFile(path, maxAnnotation)
	if err != nil {
		return false
	}
	lines := parseYOLO(content)
	return len(lines) > 0 && lines[0].problem == ""
}
