package boxes

import (
	"errors"
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/fault"
)

// write writes a file; grey a grey PNG of that size.
func write(t testing.TB, content string, elem ...string) {
	t.Helper()
	file := filepath.Join(elem...)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func grey(t testing.TB, width, height int, elem ...string) {
	t.Helper()
	write(t, "", elem...)
	f, err := os.Create(filepath.Join(elem...))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := png.Encode(f, image.NewGray(image.Rect(0, 0, width, height))); err != nil {
		t.Fatal(err)
	}
}

// object writes an object element of four lines.
func object(name string, xmin, ymin, xmax, ymax any) string {
	return fmt.Sprintf("<object>\n<name>%s</name><difficult>0</difficult>\n<bndbox><xmin>%v</xmin><ymin>%v</ymin><xmax>%v</xmax><ymax>%v</ymax></bndbox>\n</object>\n", name, xmin, ymin, xmax, ymax)
}

func annotation(objects ...string) string {
	return "<annotation>\n<size><width>100</width><height>50</height></size>\n" + strings.Join(objects, "") + "</annotation>\n"
}

// problems returns the problems of a set as "file:line: reason", with the base names of the files.
func problems(s *Set) []string {
	var all []string
	for _, p := range s.Report.Problems {
		p.File = filepath.Base(p.File)
		all = append(all, string(p.Kind)+": "+p.String())
	}
	return all
}

// expect compares problems with the beginnings of sentences.
func expect(t *testing.T, s *Set, want ...string) {
	t.Helper()
	got := problems(s)
	if len(got) != len(want) {
		t.Fatalf("%d problems, want %d:\n%s", len(got), len(want), strings.Join(got, "\n"))
	}
	for i := range want {
		if !strings.Contains(got[i], want[i]) {
			t.Errorf("problem %d is\n%s\nwant\n%s", i, got[i], want[i])
		}
	}
}

func TestVOCBadInput(t *testing.T) {
	root := t.TempDir()
	good := object("cat", 10, 10, 20, 20)
	for name, content := range map[string]string{
		"1": annotation(good),
		"2": annotation(),
		"3": annotation(good,
			object("dog", 30, 10, 20, 20), object("dog", 10, 10, 10, 20), object("dog", 200, 10, 220, 20), object("dog", 90, 40, 120, 60),
			object("dog", "ten", 10, 20, 20), "<object>\n<name>dog</name>\n</object>\n", object("", 1, 2, 3, 4), object("dog", "1e300", 1, "2e300", 2)),
		"4": "<annotation>\n<size>\n<width>100</size></annotation>",
		"5": annotation(good), // no picture
		"6": annotation(good), // another size
		"7": "\n<html></html>",
		"8": annotation(good), // damaged picture
		"9": "",
	} {
		write(t, content, root, name+".xml")
	}
	for _, name := range []string{"1", "2", "3", "4", "7", "9"} {
		grey(t, 100, 50, root, name+".png")
	}
	grey(t, 60, 50, root, "6.png")
	write(t, "not a picture", root, "8.png")
	s, err := Open(root, Options{})
	if err != nil {
		t.Fatal(err)
	}
	expect(t, s,
		"boxes left out: 3.xml:7: the box {30 10 20 20} is inverted; swap its corners",
		"boxes left out: 3.xml:11: the box {10 10 10 20} is empty; correct it",
		"boxes left out: 3.xml:15: the box {200 10 220 20} is outside of its picture of 100×50 pixels; correct it",
		"clipped: 3.xml:19: the box {90 40 120 60} is clipped to 100×50 pixels",
		`boxes left out: 3.xml:23: "ten" is not a number; correct it`,
		"boxes left out: 3.xml:27: the object has no bndbox with xmin, ymin, xmax and ymax; add it",
		"boxes left out: 3.xml:30: the object has no name; add it",
		"boxes left out: 3.xml:34: the box {1e+300 1 2e+300 2} is not within a picture; correct it",
		"pictures left out: 4.xml:3: is not well-formed XML (element <width> closed by </size>); repair it",
		"pictures left out: 5.xml: its picture 5 is missing",
		"another size than their picture, whose own is used: 6.xml: 6.png has 60×50 pixels, and not 100×50",
		"pictures left out: 7.xml:2: has the element html where annotation is expected",
		"pictures left out: 8.xml: 8.png: not a JPEG, PNG, GIF, WebP or BMP picture",
		"pictures left out: 9.xml:1: has no annotation element",
	)
	if len(s.Pictures) != 4 || s.Boxes() != 4 || !slices.Equal(s.Report.Empty, []string{"2.png"}) || !slices.Equal(s.Classes, []string{"cat", "dog"}) {
		t.Errorf("%v", s)
	}
	if got := s.Pictures[2].Objects[1].Box; got != (Box{90, 40, 100, 50}) {
		t.Errorf("clipped to %v", got)
	}
	for _, want := range []string{"4 pictures, 4 boxes", "classes: cat 3, dog 1", "pictures without boxes: 1: 2.png", "boxes left out: 7: ", "and 2 more"} {
		if !strings.Contains(s.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, s)
		}
	}
	if s, err = VOC(root, Options{Classes: []string{"cat"}}); err != nil || !strings.Contains(strings.Join(problems(s), "\n"), `3.xml:19: class "dog" is not one of cat; correct it, or add it to the classes`) {
		t.Errorf("%v, %v", err, problems(s))
	}
}

// TestVOCSameNames has files of the same name in several folders, and pictures that no XML file has.
func TestVOCSameNames(t *testing.T) {
	root := t.TempDir()
	for i, folder := range []string{"a", "b"} {
		grey(t, 100, 50, root, folder, "1.png")
		write(t, annotation(object([]string{"cat", "dog"}[i], 10, 10, 20, 20)), root, folder, "1.xml")
	}
	grey(t, 100, 50, root, "b", "alone.png")
	s, err := VOC(root, Options{})
	if err != nil || len(s.Pictures) != 2 || len(s.Report.Problems) > 0 {
		t.Fatalf("%v, %v", s, err)
	}
	for i, want := range []string{"a/1.png cat", "b/1.png dog"} {
		if p := s.Pictures[i]; p.Name+" "+s.Classes[p.Objects[0].Class] != want {
			t.Errorf("%+v, want %s", p, want)
		}
	}
	if !strings.Contains(s.String(), "pictures without an XML file, left out: 1: b/alone.png") {
		t.Errorf("the report is silent about a picture without an XML file:\n%s", s)
	}
	if err := os.Remove(filepath.Join(root, "b", "1.png")); err != nil {
		t.Fatal(err)
	}
	if s, err = VOC(root, Options{}); err != nil || len(s.Pictures) != 1 {
		t.Fatalf("%v, %v", s, err)
	}
	expect(t, s, "pictures left out: 1.xml: its picture a/1.png has another XML file; add the picture, or remove a file")

	root = t.TempDir() // VOC's folders, with sub-folders, and a list
	for _, folder := range []string{"a", "b"} {
		grey(t, 100, 50, root, "JPEGImages", folder, "1.jpg")
		write(t, annotation(object(folder, 10, 10, 20, 20)), root, "Annotations", folder, "1.xml")
	}
	write(t, "1\n\n1\n", root, "ImageSets", "Main", "trainval.txt")
	if s, err = VOC(root, Options{Split: data.Trainval}); err != nil || len(s.Pictures) != 2 || s.Pictures[1].Name != "JPEGImages/b/1.jpg" || s.Classes[s.Pictures[1].Objects[0].Class] != "b" {
		t.Fatalf("%v, %v", s, err)
	}
	expect(t, s, "pictures left out: trainval.txt:3: 1 is listed twice, first in trainval.txt:1; remove a line")
}

// TestVOCUnions has two years whose lists name one picture each.
func TestVOCUnions(t *testing.T) {
	root := t.TempDir()
	kit := filepath.Join(root, "VOCdevkit")
	n := 0
	for _, year := range []string{"VOC2007", "VOC2012"} {
		for _, list := range []string{"trainval", "test"} {
			n++
			name := fmt.Sprintf("%06d", n)
			grey(t, 100, 50, kit, year, "JPEGImages", name+".jpg")
			write(t, "<annotation><source><database>The VOC2007 Database</database></source><size><width>100</width><height>50</height></size>"+
				object("dog", 1, 1, 100, 50)+object("person", 3, 4, 5, 6)+"</annotation>", kit, year, "Annotations", name+".xml")
			write(t, name+"\n", kit, year, "ImageSets", "Main", list+".txt")
		}
	}
	for _, test := range []struct {
		years string
		split data.Split
		want  string
	}{
		{"", data.All, "1 2 3 4"}, {"07", data.Trainval, "1"}, {"12", data.Test, "4"}, {"07+12", data.Trainval, "1 3"}, {"07+12", data.Test, "2"},
		{"07++12", data.Trainval, "1 2 3"}, {"07++12", data.Test, "4"}, {"", data.Trainval, "1 3"},
	} {
		s, err := Open(root, Options{Years: test.years, Split: test.split})
		if err != nil {
			t.Errorf("%s %s: %v", test.years, test.split, err)
			continue
		}
		var got []string
		for _, p := range s.Pictures {
			got = append(got, strings.TrimLeft(stem(p.Name), "0"))
		}
		if strings.Join(got, " ") != test.want || !slices.Equal(s.Classes, VOCClasses) || len(s.Report.Problems) > 0 {
			t.Errorf("%s %s: pictures %v, want %s; classes %v; %v", test.years, test.split, got, test.want, s.Classes, problems(s))
		}
		if o := s.Pictures[0].Objects; o[0].Box != (Box{0, 0, 100, 50}) || s.Classes[o[0].Class] != "dog" || o[1].Box != (Box{2, 3, 5, 6}) {
			t.Errorf("objects %+v", o)
		}
	}
	var field *fault.FieldError
	if _, err := VOC(root, Options{Years: "13"}); !errors.As(err, &field) {
		t.Errorf("year 13: %v", err)
	}
	write(t, "000009\n", kit, "VOC2012", "ImageSets", "Main", "test.txt")
	if _, err := VOC(root, Options{Years: "12", Split: data.Test}); !NoSplit(err) || !strings.Contains(err.Error(), "test.txt:1: 000009 has no XML file") {
		t.Errorf("a list without annotations: %v", err)
	}
	if _, err := VOC(t.TempDir(), Options{Split: data.Test}); err == nil || !NoSplit(err) || !strings.Contains(err.Error(), "test.txt is missing; use all, or another split") {
		t.Errorf("no list: %v", err)
	}
}

func TestCOCO(t *testing.T) {
	root := t.TempDir()
	file := filepath.Join(root, "annotations", "instances_val2017.json")
	content := `{
"info": {"year": 2017},
"images": [
 {"id": 7, "file_name": "a.png", "width": 100, "height": 50},
 {"id": 8, "file_name": "gone.png", "width": 100, "height": 50},
 {"id": 9, "file_name": "../../etc/passwd"},
 {"id": 7, "file_name": "a.png"},
 {"id": 3, "file_name": "b.png"}
],
"annotations": [
 {"id": 1, "image_id": 7, "category_id": 18, "bbox": [10, 20, 30.5, 10], "iscrowd": 0, "area": 123.5, "segmentation": [[1, 2, 3]]},
 {"id": 2, "image_id": 7, "category_id": 3, "bbox": [0, 0, 10, 10], "iscrowd": 1},
 {"id": 3, "image_id": 8, "category_id": 18, "bbox": [1, 1, 1, 1]},
 {"id": 4, "image_id": 99, "category_id": 18, "bbox": [1, 1, 1, 1]},
 {"id": 5, "image_id": 7, "category_id": 99, "bbox": [1, 1, 1, 1]},
 {"id": 6, "image_id": 7, "category_id": 18, "bbox": [1, 1, 1]},
 {"id": 7, "image_id": 7, "category_id": 18, "bbox": [1, 1, -5, 1]},
 {"id": 8, "image_id": 7, "category_id": 18},
 {"id": 9, "image_id": 7, "category_id": 18, "bbox": [null, 1, 1, 1]}
],
"categories": [{"id": 18, "name": "dog"}, {"id": 3, "name": "bird"}]
}`
	write(t, content, file)
	grey(t, 100, 50, root, "val2017", "a.png")
	grey(t, 20, 20, root, "val2017", "b.png")
	for _, path := range []string{root, file} {
		s, err := Open(path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		expect(t, s,
			"pictures left out: instances_val2017.json:5: its picture gone.png is missing; add it or remove the entry",
			`pictures left out: instances_val2017.json:6: its picture "../../etc/passwd" is not named below the folder of the pictures; correct file_name`,
			"pictures left out: instances_val2017.json:7: image id 7 occurs twice",
			"boxes left out: instances_val2017.json:14: annotation 4 names image id 99, which is not in images; correct it",
			"boxes left out: instances_val2017.json:15: annotation 5 names category id 99, which is not in categories; correct it",
			"boxes left out: instances_val2017.json:16: annotation 6 has a bbox of 3 numbers; give x, y, width and height",
			"boxes left out: instances_val2017.json:17: the box {1 1 -4 2} is inverted",
			"boxes left out: instances_val2017.json:18: annotation 8 has a bbox of 0 numbers",
			"boxes left out: instances_val2017.json:19: the box {NaN 1 NaN 2} is not within a picture",
		)
		want := []Object{{Class: 1, Box: Box{10, 20, 40.5, 30}, Area: 123.5}, {Class: 0, Box: Box{0, 0, 10, 10}, Crowd: true}}
		if !slices.Equal(s.Pictures[0].Objects, want) || !slices.Equal(s.Classes, []string{"bird", "dog"}) || !slices.Equal(s.IDs, []int64{3, 18}) || s.Pictures[1].ID != 3 {
			t.Errorf("%+v", s)
		}
	}
	s, err := COCO(file, Options{Classes: []string{"cat", "dog", "cow"}})
	if err != nil || !slices.Equal(s.IDs, []int64{19, 18, 20}) { // cats and cows have no category
		t.Errorf("ids %v, %v", s.IDs, err)
	}
	write(t, strings.Replace(content, `"gone.png"`, `"sub\\c.png"`, 1), file) // made on Windows
	grey(t, 100, 50, root, "val2017", "sub", "c.png")
	if s, err := COCO(file, Options{}); err != nil || s.Pictures[1].Name != "sub/c.png" {
		t.Errorf("a backslash: %v, %v", s, err)
	}
	for bad, want := range map[string]string{
		content[:200]: "ends too early", "{\n\"images\": [\n{\"id\": \"x\"}]}": ":3: has a string where int64 is expected in id",
		"[1]": ":1: does not begin with an object", `{"images": {}}`: "images is not a list", "{}": "has no images or no categories", content + "\n{}": ":23: goes on after the end",
		strings.Replace(content, `"dog"`, `""`, 1): ":21: category id 18 has no name",
		"{\n\"images\": [}":                        "is not well-formed JSON", "": "ends too early",
	} {
		write(t, bad, file)
		_, err := COCO(file, Options{})
		var damaged *fault.DamagedFile
		if !errors.As(err, &damaged) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, want %q", bad, err, want)
		}
	}
	if _, err := COCO(file, Options{Split: data.Test}); err == nil {
		t.Error("a split of a file")
	}
}

// TestCOCOFromZero has ids from 0, as some programs write them.
func TestCOCOFromZero(t *testing.T) {
	root := t.TempDir()
	file := filepath.Join(root, "a.json")
	write(t, `{"images": [{"id": 0, "file_name": "a.png"}, {"id": 1, "file_name": "b.png"}], "categories": [{"id": 0, "name": "cat"}],
"annotations": [{"id": 0, "image_id": 0, "category_id": 0, "bbox": [1, 2, 3, 4]}]}`, file)
	grey(t, 100, 50, root, "a.png")
	grey(t, 100, 50, root, "b.png")
	s, err := COCO(file, Options{})
	if err != nil || s.Pictures[0].ID != 0 || s.Pictures[1].ID != 1 || s.IDs[0] != 0 || len(s.Pictures[0].Objects) != 1 {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestYOLO(t *testing.T) {
	root := t.TempDir()
	write(t, "path: .\nnames:\n  0: cat\n  1: dog # nothing\n", root, "data.yaml")
	write(t, "names: ['cat', \"dog\"]\n", root, "data.yaml")
	write(t, "0 0.5 0.5 0.2 0.4\n\n1 0.05 0.5 0.2 0.2\n2 0.5 0.5 0.1 0.1\n0 0.5 0.5 0.1\n0 a b c d\n1 0.1 0.2 0.3 0.2 0.3 0.6\n0 .5 .5 NaN .5\n0 .5 .5 0 .5\n0 0.5 0.5 1.00001 1\n", root, "labels", "train", "a.txt")
	write(t, "0 0.5 0.5 0.2 0.4\n", root, "labels", "val", "gone.txt")
	grey(t, 100, 50, root, "images", "train", "a.png")
	grey(t, 100, 50, root, "images", "val", "b.png")
	s, err := Open(root, Options{})
	if err != nil {
		t.Fatal(err)
	}
	expect(t, s,
		"clipped: a.txt:3: ", "boxes left out: a.txt:4: class 2 is not one of 2; correct it, or add its name", "a.txt:5: 4 numbers are not CLASS X Y WIDTH HEIGHT",
		`a.txt:6: "0 a b c d" is not CLASS`, "a.txt:8: the box", "a.txt:9: the box {50 12.5 50 37.5} is empty", "pictures left out: gone.txt: its picture is missing",
	)
	near := func(a, b Box) bool { return a.IoU(b) > 1-1e-9 }
	o := s.Pictures[0].Objects
	if len(o) != 4 || !near(o[0].Box, Box{40, 15, 60, 35}) || !near(o[2].Box, Box{10, 10, 30, 30}) || o[3].Box != (Box{0, 0, 100, 50}) {
		t.Errorf("objects %+v", o)
	}
	if !slices.Equal(s.Report.Empty, []string{"images/val/b.png"}) || !strings.Contains(s.String(), "pictures without a text file, taken as without boxes: 1: images/val/b.png") {
		t.Errorf("%v", s)
	}
	if s, err = YOLO(root, Options{Split: data.Trainval}); err != nil || len(s.Pictures) != 1 {
		t.Errorf("trainval: %v, %v", s, err)
	}
}

// TestYOLONames reads names of classes as people write them; what is uncertain is an error with its line.
func TestYOLONames(t *testing.T) {
	root := t.TempDir()
	grey(t, 100, 50, root, "a.png")
	write(t, "0 .5 .5 .2 .4\n", root, "a.txt")
	for _, test := range []struct{ file, text, want string }{
		{"data.yaml", "names:\n- a\n- b\nnc: 2", "a|b"},
		{"data.yaml", "nc: 1\nnames:\n  0: x # of two\n  1: 'y'\n", "x|y"},
		{"data.yaml", "names: ['a, b', \"c\"] # two\n", "a, b|c"},
		{"data.yaml", "names: [a,\n  b]\n", "a|b"},
		{"data.yaml", "names: {1: b, 0: a}\n", "a|b"},
		{"data.yaml", "train: x\n", "has no names of classes; add classes.txt"},
		{"data.yaml", "names:\n  1: a\n  2: b\n", `data.yaml:3: "2" is not the number of one of 2 classes; number them from 0 without gaps`},
		{"data.yaml", "names:\n- a\n-\n", "data.yaml:3: class 1 has no name; give it one"},
		{"data.yaml", "names: cat\n", "data.yaml:1: names is neither a list nor names by number"},
		{"data.yaml", "names: [a\n", "data.yaml:1: is not YAML that can be read"},
		{"classes.txt", "\ufeffa\r\nb c\r\n\r\n", "a|b c"},
		{"classes.txt", "a\n\nb\n", "classes.txt:2: is blank, so the numbers of the classes below are uncertain; remove the line"},
	} {
		os.Remove(filepath.Join(root, "data.yaml"))
		write(t, test.text, root, test.file)
		s, err := YOLO(root, Options{})
		got := fmt.Sprint(err)
		if err == nil {
			got = strings.Join(s.Classes, "|")
		}
		if !strings.Contains(got, test.want) {
			t.Errorf("%q: %s, want %s", test.text, got, test.want)
		}
	}
	write(t, "a\na\n", root, "classes.txt")
	if s, err := YOLO(root, Options{}); err != nil || !strings.Contains(s.String(), "names that several classes have, which are one here: 1: a") {
		t.Errorf("%v, %v", s, err)
	}
}

// TestManyProblems names some problems of each kind, however many there are of another.
func TestManyProblems(t *testing.T) {
	s := &Set{}
	for line := range 2 * maxProblems {
		s.Report.add(BoxLeftOut, mark{"a", line + 1}, "bad")
	}
	s.Report.add(PictureLeftOut, mark{"b", 7}, "gone")
	if n := len(s.Report.Problems); n != maxProblems+1 || !strings.Contains(s.String(), "pictures left out: 1: b:7: gone\n") || !strings.Contains(s.String(), "boxes left out: 20000: a:1: bad,") {
		t.Errorf("%d problems kept:\n%s", n, s)
	}
}

// A picture of very many boxes is read; one of more than that is an error.
func TestManyBoxes(t *testing.T) {
	many := strings.Repeat("<object/>", maxObjects)
	if f, err := parseVOC([]byte(annotation(many))); err != nil || len(f.objects) != maxObjects {
		t.Errorf("%v", err)
	}
	if _, err := parseVOC([]byte(annotation(many, "\n<object/>"))); err == nil || err.Error() != "has more than 100000 objects; split the picture" || err.(*lineError).line != 4 {
		t.Errorf("%v", err)
	}
}

// TestReal reads datasets in their own layouts below one folder: raccoon, oxford-pets and cub-photos.
func TestReal(t *testing.T) {
	root := os.Getenv("BESTIARY_BOXES")
	if root == "" {
		t.Skip("BESTIARY_BOXES does not name a folder with raccoon, oxford-pets and cub-photos")
	}
	for _, test := range []struct {
		name    string
		o       Options
		classes int
	}{
		{"raccoon", Options{}, 1}, {"raccoon", Options{Split: data.Trainval}, 1}, {"oxford-pets", Options{}, 2},
		{"oxford-pets", Options{Labels: data.Breed, Split: data.Trainval}, 3}, {"cub-photos", Options{}, 50}, {"cub-photos", Options{Split: data.Test}, 50},
	} {
		s, err := Open(filepath.Join(root, test.name), test.o)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		t.Logf("%+v: %v", test.o, s)
		if len(s.Classes) != test.classes || s.Boxes() < 100 {
			t.Errorf("%s: %d classes, %d boxes", test.name, len(s.Classes), s.Boxes())
		}
	}
}

// TestWriteCOCO reads a set again that was written as COCO's JSON.
func TestWriteCOCO(t *testing.T) {
	root := t.TempDir()
	write(t, annotation(object("dog", 10, 10, 20, 30), object("cat", 0, 0, 100, 50)), root, "1.xml")
	write(t, annotation(), root, "2.xml")
	grey(t, 100, 50, root, "1.png")
	grey(t, 100, 50, root, "2.png")
	s, err := Open(root, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, ids := range [][]int64{nil, {17, 18}} {
		s.IDs = ids
		var b strings.Builder
		if err := s.WriteCOCO(&b); err != nil {
			t.Fatal(err)
		}
		write(t, b.String(), root, "set.json")
		again, err := COCO(filepath.Join(root, "set.json"), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(again.Classes, s.Classes) || len(again.Pictures) != 2 || ids != nil && !slices.Equal(again.IDs, ids) {
			t.Errorf("%+v", again)
		}
		for i, p := range again.Pictures {
			for k, o := range p.Objects {
				if was := s.Pictures[i].Objects[k]; o.Box != was.Box || o.Class != was.Class {
					t.Errorf("%+v became %+v", was, o)
				}
			}
			if len(p.Objects) != len(s.Pictures[i].Objects) || p.ID != s.Pictures[i].ID {
				t.Errorf("%+v", p)
			}
		}
	}
}

// TestOneClass makes the classes of a set one.
func TestOneClass(t *testing.T) {
	all, err := Open("scenes:1:20", Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		of    []string
		boxes int
	}{{nil, all.Boxes()}, {[]string{"cat"}, count(all, "cat")}} {
		described := Description{Path: "scenes:1:20", As: "animal", Of: test.of}
		s, err := Open("scenes:1:20", described.Options([]string{"animal"}))
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(s.Classes, []string{"animal"}) || s.Boxes() != test.boxes || s.Boxes() == 0 {
			t.Errorf("of %v: classes %v and %d boxes, want %d", test.of, s.Classes, s.Boxes(), test.boxes)
		}
		for _, p := range s.Pictures {
			for _, o := range p.Objects {
				if o.Class != 0 {
					t.Fatalf("of %v: an object of class %d", test.of, o.Class)
				}
			}
		}
	}
	if _, err := Open("scenes:1:20", Options{As: "a\xff"}); err == nil {
		t.Error("a name that is not UTF-8 is taken")
	}
}

// count returns the number of boxes of a class.
func count(s *Set, class string) (n int) {
	for _, p := range s.Pictures {
		for _, o := range p.Objects {
			if s.Classes[o.Class] == class {
				n++
			}
		}
	}
	return n
}
