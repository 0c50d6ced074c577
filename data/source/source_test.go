package source

import (
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/bestiary-ml/bestiary/data"
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
	encoded, err := os.ReadFile(filepath.Join(folder, "toad", "b.png"))
	if err != nil {
		t.Fatal(err)
	}
	type row struct {
		Path  string `parquet:"path"`
		Label string `parquet:"label"`
		Dog   bool   `parquet:"dog"`
		Image struct {
			Bytes []byte `parquet:"bytes"`
			Path  string `parquet:"path"`
		} `parquet:"image"`
	}
	rows := make([]row, 1)
	rows[0].Path, rows[0].Label, rows[0].Image.Bytes = "Bengal_1.jpg", "Bengal", encoded
	hosted := filepath.Join(t.TempDir(), "any.name")
	if err := parquet.WriteFile(hosted, rows); err != nil {
		t.Fatal(err)
	}
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
