package boxes

import (
	"bytes"
	"errors"
	"image"
	"image/jpeg"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/fault"
)

func TestScenes(t *testing.T) {
	open := func(path string, o Options) *Set {
		t.Helper()
		s, err := Open(path, o)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	all, seen, unseen := open("scenes:3:20", Options{}), open(ScenesPath(3, 20), Options{Split: data.Trainval}), open("scenes:3:20", Options{Split: data.Test})
	if len(all.Pictures) != 24 || len(seen.Pictures) != 20 || len(unseen.Pictures) != 4 || unseen.Pictures[0].Name != "scene 20" || unseen.Pictures[0].ID != 21 {
		t.Fatalf("%d, %d and %d scenes", len(all.Pictures), len(seen.Pictures), len(unseen.Pictures))
	}
	if !slices.Equal(all.Classes, []string{"bird", "cat", "dog"}) || slices.Contains(all.Counts(), 0) || len(all.Report.Problems) > 0 {
		t.Errorf("%v %+v", all.Counts(), all.Report)
	}
	if text := all.String(); !strings.HasPrefix(text, "scenes: scenes:3:20: 24 pictures, ") {
		t.Error(text)
	}
	for i, p := range unseen.Pictures {
		inside(t, p)
		m, err := p.Read()
		if err != nil || m.Width != p.Width || m.Height != p.Height || len(m.Pixels) != 3*m.Width*m.Height {
			t.Fatalf("%s: %v", p.Name, err)
		}
		again, _ := all.Pictures[20+i].Read()
		if !bytes.Equal(m.Pixels, again.Pixels) || !slices.Equal(p.Objects, all.Pictures[20+i].Objects) {
			t.Errorf("%s differs between splits", p.Name)
		}
	}
	birds := open("scenes:3:20", Options{Classes: []string{"bird"}})
	if birds.Boxes() != all.Counts()[0] || birds.Report.Counts[BoxLeftOut] != all.Boxes()-birds.Boxes() {
		t.Errorf("%d birds of %v", birds.Boxes(), all.Counts())
	}
	var wrong *fault.FieldError
	for _, path := range []string{"scenes:", "scenes:1", "scenes:1:0", "scenes:-1:5", "scenes:1:1000001", "scenes:1:2:3"} {
		if _, err := Open(path, Options{}); !errors.As(err, &wrong) || !strings.Contains(err.Error(), "must be scenes:SEED:N") {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := Open("scenes:1:5", Options{Years: "07"}); !errors.As(err, &wrong) {
		t.Error("scenes of a year")
	}
}

// TestReadUpright reads a JPEG with an orientation: as it is stored, and upright.
func TestReadUpright(t *testing.T) {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 16, 8)), nil); err != nil {
		t.Fatal(err)
	}
	exif := "\xff\xe1\x00\x22Exif\x00\x00MM\x00\x2a\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00\x00\x00\x00\x00"
	path := filepath.Join(t.TempDir(), "turned.jpg")
	write(t, b.String()[:2]+exif+b.String()[2:], path)
	stored, err := Picture{Path: path, Width: 16, Height: 8}.Read()
	if err != nil || stored.Width != 16 {
		t.Fatal(err)
	}
	upright, err := ReadUpright(path, data.Limits{})
	if err != nil || upright.Width != 8 || upright.Height != 16 {
		t.Fatalf("%+v, %v", upright, err)
	}
	folder := filepath.Dir(path) // as a dataset
	grey(t, 16, 8, folder, "straight.png")
	write(t, "cat\n", folder, "classes.txt")
	write(t, "0 .5 .5 .5 .5\n", folder, "turned.txt")
	if s, err := YOLO(folder, Options{}); err != nil || !strings.Contains(s.String(), "boxes are taken as those of the picture as it is stored: 1: turned.jpg") {
		t.Errorf("%v, %v", s, err)
	}
	if part := upright.Cut(image.Rect(-5, 4, 3, 30)); part.Width != 3 || part.Height != 12 || len(part.Pixels) != 3*3*12 {
		t.Errorf("%d×%d", part.Width, part.Height)
	}
	if upright.Cut(image.Rect(20, 20, 30, 30)) != nil || upright.NRGBA().Bounds().Dx() != 8 {
		t.Error("a part outside of the picture")
	}
	var damaged *fault.DamagedFile
	if _, err := ReadUpright(path, data.Limits{Pixels: 100}); !errors.As(err, &damaged) || !strings.Contains(err.Error(), "more than the 100 that are allowed") {
		t.Errorf("128 pixels of 100: %v", err)
	}
	write(t, "text", path)
	if _, err := ReadUpright(path, data.Limits{}); !errors.As(err, &damaged) {
		t.Errorf("%v", err)
	}
}
