package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/draw"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/fault"
)

// picture writes a small picture.
func picture(t testing.TB, path ...string) {
	t.Helper()
	file := filepath.Join(path...)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := png.Encode(f, image.NewGray(image.Rect(0, 0, 3, 3))); err != nil {
		t.Fatal(err)
	}
}

func TestOpenRecognises(t *testing.T) {
	official := t.TempDir()
	picture(t, official, "images", "Bengal_1.jpg")
	if err := os.MkdirAll(filepath.Join(official, "annotations"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(official, "annotations", "list.txt"), []byte("Bengal_1 1 1 1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	picture(t, folder, "newt", "a.png")
	picture(t, folder, "toad", "b.png")
	table, err := os.ReadFile("testdata/required.parquet") // by data/internal/parquet/writer
	if err != nil {
		t.Fatal(err)
	}
	hosted := filepath.Join(t.TempDir(), "any.name")
	text(t, string(table), hosted)
	loose := filepath.Join(t.TempDir(), "owls")
	picture(t, loose, "a.png")
	for path, want := range map[string]string{official: "cat 1, dog 0", folder: "newt 1, toad 1", hosted: "cat 1, dog 0", loose: "classes: owls 1\n"} {
		d, err := Open(path, data.Options{Cache: data.NoCache})
		if err != nil {
			t.Error(err)
			continue
		}
		if report := d.Report.String(); !strings.Contains(report, want) {
			t.Errorf("report lacks %q:\n%s", want, report)
		}
	}
}

func TestOpenFailures(t *testing.T) {
	root := t.TempDir()
	file, unlisted := filepath.Join(root, "files", "notes.md"), filepath.Join(root, "unlisted")
	text(t, "no picture", file)
	picture(t, unlisted, "images", "Bengal_1.jpg")
	empty := filepath.Join(root, "empty")
	if err := os.Mkdir(empty, 0o755); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		filepath.Join(root, "missing"): "cannot be found; give a path that holds annotations/list.txt",
		empty:                          "is empty; give a path that holds",
		filepath.Dir(file):             "has no pictures at any depth",
		unlisted:                       "no annotations/list.txt",
		file:                           "is a file, and neither parquet nor tar",
	} {
		_, err := Open(path, data.Options{Cache: data.NoCache})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("error is %v, want one with %q and the path", err, want)
		}
	}
}

// TestOfficialPhotos loads real photos, of which some are not what their name says.
func TestOfficialPhotos(t *testing.T) {
	root := os.Getenv("BESTIARY_PETS")
	if root == "" {
		t.Skip("BESTIARY_PETS does not name a folder of the Oxford pets")
	}
	total := map[data.Split]int{}
	for _, split := range []data.Split{data.All, data.Trainval, data.Test} {
		d, err := Open(root, data.Options{Cache: data.NoCache, Split: split, Size: 32})
		if err != nil {
			t.Fatal(err)
		}
		t.Log(d.Report)
		total[split] = d.Len() + len(d.Report.LeftOut)
	}
	if total[data.Trainval] == 0 || total[data.Test] == 0 || total[data.All] < total[data.Trainval]+total[data.Test] {
		t.Errorf("splits have %v photos", total)
	}
}

// TestSubjects cuts pictures around boxes of XML files beside them, and around what a detector finds.
func TestSubjects(t *testing.T) {
	root := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	// White pictures with a black square; the box is that of the square.
	for i, at := range []image.Point{{10, 5}, {60, 20}, {0, 0}} {
		m := image.NewGray(image.Rect(0, 0, 100, 50))
		for k := range m.Pix {
			m.Pix[k] = 255
		}
		draw.Draw(m, image.Rect(0, 0, 20, 20).Add(at), image.Black, image.Point{}, draw.Src)
		class := filepath.Join(root, []string{"cat", "dog", "dog"}[i])
		if err := os.MkdirAll(class, 0o777); err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := png.Encode(&b, m); err != nil {
			t.Fatal(err)
		}
		xml := fmt.Sprintf("<annotation><object><name>x</name><bndbox><xmin>%d</xmin><ymin>%d</ymin><xmax>%d</xmax><ymax>%d</ymax></bndbox></object></annotation>", at.X, at.Y, at.X+20, at.Y+20)
		if i == 2 {
			xml = "<annotation></annotation>"
		}
		name := filepath.Join(class, fmt.Sprint(i))
		if err := errors.Join(os.WriteFile(name+".png", b.Bytes(), 0o666), os.WriteFile(name+".xml", []byte(xml), 0o666)); err != nil {
			t.Fatal(err)
		}
	}
	check := func(o data.Options, note string) {
		t.Helper()
		o.Size, o.Split = 16, data.All
		d, err := Open(root, o)
		if err != nil {
			t.Fatal(err)
		}
		if d.Len() != 2 || d.Name(0) != "cat/0.png" || d.Name(1) != "dog/1.png" || d.Label(1) != 1 {
			t.Fatalf("%v", d.Names)
		}
		for i, v := range d.Pixels {
			if v > 40 {
				t.Fatalf("value %d is %d: not the square alone", i, v)
			}
		}
		if !strings.Contains(d.Report.String(), note+": 1: dog/2.png") {
			t.Error(d.Report.String())
		}
	}
	check(data.Options{Resize: data.Boxes}, "pictures without a box, left out")
	calls := 0
	find := func(_ context.Context, pictures []image.Image) (all []data.Subject, err error) {
		calls++
		for _, m := range pictures {
			b := data.Box{}
			for y := range 50 {
				for x := range 100 {
					if r, _, _, _ := m.At(x, y).RGBA(); r == 0 && b.Width == 0 {
						b = data.Box{X: float64(x), Y: float64(y), Width: 20, Height: 20}
					}
				}
			}
			all = append(all, data.Subject{Box: b})
		}
		return all, nil
	}
	find2 := func(ctx context.Context, pictures []image.Image) ([]data.Subject, error) {
		all, err := find(ctx, pictures)
		for i := range all {
			if all[i].Box.X < 5 { // the square of the third picture is no subject
				all[i] = data.Subject{}
			}
		}
		return all, err
	}
	check(data.Options{Resize: data.DetectedBy + ":runs/a:b:0", Subjects: find2}, "pictures without a subject, left out")
	if calls != 1 {
		t.Errorf("%d calls for three pictures", calls)
	}
	if run := (data.DetectedBy + ":runs/a:b:0.25").Run(); run != "runs/a:b" {
		t.Error(run)
	}
	var wrong *fault.FieldError
	for _, r := range []data.Resize{"detector", "detector:", "detector:x:9", "detector:x:-1", "boxes:x"} {
		if _, err := Open(root, data.Options{Size: 16, Resize: r, Subjects: find}); !errors.As(err, &wrong) || wrong.Field != "Resize" {
			t.Errorf("%s: %v", r, err)
		}
	}
	if _, err := Open(root, data.Options{Size: 16, Resize: "detector:x"}); !errors.As(err, &wrong) || !strings.Contains(err.Error(), "needs Subjects") {
		t.Errorf("without a detector: %v", err)
	}
	none := func(_ context.Context, pictures []image.Image) ([]data.Subject, error) {
		return make([]data.Subject, len(pictures)), nil
	}
	if _, err := Open(root, data.Options{Size: 16, Resize: "detector:x", Subjects: none}); err == nil || !strings.Contains(err.Error(), "none of 3 pictures has a subject") {
		t.Errorf("nothing found: %v", err)
	}
	failing := func(context.Context, []image.Image) ([]data.Subject, error) { return nil, errors.New("broken") }
	if _, err := Open(root, data.Options{Size: 16, Resize: "detector:x", Subjects: failing}); err == nil || !strings.Contains(err.Error(), "broken") {
		t.Errorf("a failure: %v", err)
	}
}
