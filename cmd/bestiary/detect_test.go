package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/data/boxes"
	"github.com/bestiary-ml/bestiary/eval/detection"
	runfolder "github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/sample/layout"
	"github.com/bestiary-ml/bestiary/ssd"
	"github.com/bestiary-ml/bestiary/tensor"
)

// detectorRun makes a run with a detector of the animals in drawn scenes that was not trained.
func detectorRun(t *testing.T) string {
	t.Helper()
	d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	m, err := ssd.New(d, ssd.VOC(ssd.Small, 64, 3), tensor.NewGenerator(1))
	if err != nil {
		t.Fatal(err)
	}
	dir, name := filepath.Join(t.TempDir(), "ssd"), models.SSD.Name
	r, err := runfolder.Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(r.SetConfig(name, m.Config()), r.SetOptions(name, sample.DetectorOptions{Classes: []string{"bird", "cat", "dog"}}),
		r.SaveWeights(name, weights.Of(m), nil))
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// photosOfScenes writes drawn scenes as PNG files in a folder and in a sub-folder, and a file that is no picture.
func photosOfScenes(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	s, err := boxes.Open("scenes:3:4", boxes.Options{Split: "trainval"})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o777); err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"a.png", "b.png", "sub/a.png", "sub/c.png"} {
		m, err := s.Pictures[i].Read()
		if err != nil {
			t.Fatal(err)
		}
		if err := layout.SavePNG(filepath.Join(dir, name), m.NRGBA()); err != nil {
			t.Fatal(err)
		}
	}
	for name, content := range map[string]string{"bad.jpg": "not a picture", "a.txt": "a caption", "notes.md": "notes"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestDetect(t *testing.T) {
	run, photos, out := detectorRun(t), photosOfScenes(t), filepath.Join(t.TempDir(), "found")
	stdout, stderr, code := bestiary(t, "detect", "--run", run, "--min-score", "0.05", "--out", out, "--threads", "1", photos, filepath.Join(photos, "a.png"))
	if code != 0 {
		t.Fatal(stderr)
	}
	for _, want := range []string{out + ": 5 pictures, ", "pictures left out: 1: bad.jpg\n", filepath.Join(out, "results.json") + "\n"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("%q is missing in\n%s", want, stdout)
		}
	}
	if !strings.Contains(stderr, "left out: "+filepath.Join(photos, "bad.jpg")) {
		t.Error(stderr)
	}
	for _, name := range []string{"a.png", "b.png", "sub/a.png", "sub/c.png", "a-2.png"} {
		readImage(t, filepath.Join(out, name))
	}
	results, err := detection.ReadResults(filepath.Join(out, "results.json"))
	if err != nil || len(results) == 0 || results[len(results)-1].Image != 5 {
		t.Errorf("%d results, %v", len(results), err)
	}
	for _, r := range results {
		if r.Category < 1 || r.Category > 3 || r.Score <= 0 || r.Box[0] < 0 || r.Box[2] <= 0 {
			t.Fatalf("%+v", r)
		}
	}
	fails(t, 1, []string{"--out " + out, "not empty"}, "detect", "--run", run, "--out", out, photos)
	fresh := filepath.Join(t.TempDir(), "new")
	fails(t, 1, []string{"bad.jpg", "none of 1 picture"}, "detect", "--run", run, "--out", fresh, filepath.Join(photos, "bad.jpg"))
	fails(t, 1, []string{"nowhere.jpg", "check the path"}, "detect", "--run", run, "--out", fresh, "nowhere.jpg")
	fails(t, 2, []string{"--run is missing"}, "detect", "--out", fresh, photos)
	fails(t, 2, []string{"detect takes pictures"}, "detect", "--run", run, "--out", fresh)
	fails(t, 2, []string{"--min-score 0:"}, "detect", "--run", run, "--min-score", "0", "--out", fresh, photos)
	if _, err := os.Stat(fresh); err == nil {
		t.Error("a command that failed left a folder")
	}
}

func TestCrop(t *testing.T) {
	run, photos, dir := detectorRun(t), photosOfScenes(t), t.TempDir()
	out := filepath.Join(dir, "cropped")
	stdout, stderr, code := bestiary(t, "crop", "--run", run, "--data", photos, "--min-score", "0.05", "--most", "2", "--out", out, "--threads", "1")
	if code != 0 {
		t.Fatal(stderr)
	}
	for _, want := range []string{out + ": 8 cuts of 4 pictures\n", "captions copied: 2\n", "pictures left out: 1: bad.jpg\n"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("%q is missing in\n%s", want, stdout)
		}
	}
	for _, name := range []string{"a.png", "a-2.png", "sub/a.png", "sub/c-2.png"} {
		readImage(t, filepath.Join(out, name))
	}
	for _, name := range []string{"a.txt", "a-2.txt"} {
		if text, err := os.ReadFile(filepath.Join(out, name)); err != nil || string(text) != "a caption" {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
	fails(t, 1, []string{"not empty"}, "crop", "--run", run, "--data", photos, "--out", out)

	// Along known boxes: squares that contain the animals.
	known := filepath.Join(dir, "known")
	stdout = succeeds(t, "crop", "--boxes", "scenes:3:4", "--split", "trainval", "--class", "cat,dog", "--margin", "0", "--format", "jpeg", "--out", known)
	s, err := boxes.Open("scenes:3:4", boxes.Options{Split: "trainval"})
	if err != nil {
		t.Fatal(err)
	}
	for class, n := range s.Counts() {
		files, _ := filepath.Glob(filepath.Join(known, s.Classes[class], "*.jpg"))
		if class == 0 {
			n = 0 // birds
		}
		if len(files) != n {
			t.Errorf("%d cuts of class %s, want %d\n%s", len(files), s.Classes[class], n, stdout)
		}
	}
	// As COCO's JSON, with the pictures elsewhere.
	file := filepath.Join(dir, "set.json")
	json := `{"images": [{"id": 7, "file_name": "sub/a.png"}, {"id": 8, "file_name": "b.png"}], "categories": [{"id": 1, "name": "../animal"}],
"annotations": [{"id": 1, "image_id": 7, "category_id": 1, "bbox": [10, 10, 40, 20]}]}`
	if err := os.WriteFile(file, []byte(json), 0o666); err != nil {
		t.Fatal(err)
	}
	coco := filepath.Join(dir, "coco")
	stdout = succeeds(t, "crop", "--boxes", file, "--data", photos, "--out", coco, "--margin", "0")
	if _, size := readImage(t, filepath.Join(coco, ".._animal", "a.png")); size.X != 40 || size.Y != 40 {
		t.Errorf("a cut of %v", size)
	}
	if !strings.Contains(stdout, "pictures without a subject: 1: b.png") {
		t.Error(stdout)
	}
	fresh := filepath.Join(dir, "fresh")
	stdout = succeeds(t, "crop", "--boxes", file, "--data", photos, "--out", fresh, "--margin", "0", "--min-size", "41")
	if !strings.Contains(stdout, "0 cuts of 2 pictures") || !strings.Contains(stdout, "less than 41 pixels, left out: 1") {
		t.Error(stdout)
	}
	for words, args := range map[string][]string{
		"--run and --boxes are missing":                  {"--data", photos},
		"--run and --boxes: both":                        {"--run", run, "--boxes", file},
		"--data is missing":                              {"--run", run},
		"--min-score: needs --run":                       {"--boxes", file, "--min-score", "0.4"},
		"--split: needs --boxes":                         {"--run", run, "--data", photos, "--split", "test"},
		"--margin -1: must be 0 to 2":                    {"--boxes", file, "--margin", "-1"},
		"--folders flat: must be keep or class":          {"--boxes", file, "--folders", "flat"},
		"--class newt: must be some of bird, cat, dog":   {"--boxes", "scenes:1:2", "--class", "newt"},
		"only a COCO JSON file has its pictures elsewhe": {"--boxes", photos, "--data", photos},
	} {
		fails(t, 2, []string{words}, append([]string{"crop", "--out", filepath.Join(dir, "never")}, args...)...)
	}
	if _, err := os.Stat(filepath.Join(dir, "never")); err == nil {
		t.Error("a command that failed left a folder")
	}
}
