package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/data/boxes"
	"github.com/bestiary-ml/bestiary/eval/detection"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/disintegration/imaging"
)

// TestMaskRCNN trains a small Mask R-CNN for a few steps, continues and fine-tunes it, segments pictures and measures it.
func TestMaskRCNN(t *testing.T) {
	dir := t.TempDir()
	run := func(want string, args ...string) {
		t.Helper()
		_, stderr, code := bestiary(t, append([]string{"train", "maskrcnn", "--threads", "1"}, args...)...)
		if code != 0 || !strings.Contains(stderr, want) {
			t.Fatalf("%v: code %d, %s; want %q", args, code, stderr, want)
		}
	}
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	run("training on 8 pictures, 2 held out", "--data", "scenes:1:10", "--hold-out", "0.2", "--backbone", "mobilenet_v2", "--min-size", "64", "--width", "8",
		"--head-width", "8", "--mask-width", "4", "--regions", "8", "--proposals", "20", "--out", a, "--steps", "1", "--batch", "2")
	c, err := models.MaskRCNN.Config(a)
	if err != nil || c.Classes != 3 || c.MinSide != 64 || c.MaxSide != 107 || c.Boxes.Sampled != 8 || c.Proposals.After != 20 || c.Proposals.TrainBefore != 40 {
		t.Errorf("%+v, %v", c, err)
	}
	run("continues after step 1", "--resume", "--out", a, "--steps", "2")
	run("the layers that predict classes are new", "--data", "scenes:2:4", "--classes", "cat,dog", "--from", a, "--out", b, "--steps", "1", "--batch", "2",
		"--optimizer", "sgd", "--min-size", "96", "--max-size", "128", "--freeze", "2", "--hold-out", "0")
	if c, err = models.MaskRCNN.Config(b); err != nil || c.Classes != 2 || c.MinSide != 96 || c.MaxSide != 128 || c.Frozen != 2 || c.Width != 8 {
		t.Errorf("%+v, %v", c, err)
	}
	segments(t, a, filepath.Join(dir, "found"))

	stdout := succeeds(t, "eval", "--run", a, "--threads", "1")
	var figures struct {
		COCO  map[string]*float64
		Masks map[string]any
	}
	if err := json.Unmarshal([]byte(stdout), &figures); err != nil || figures.COCO["ap_50"] == nil || figures.Masks["ap_50"] == nil || figures.Masks["classes"] == nil {
		t.Errorf("%v, %s", err, stdout)
	}
	for words, args := range map[string][]string{
		"--width: belongs to the model, which --from keeps":         {"--data", "x", "--from", a, "--width", "16"},
		"--min-size 8: must be 64 to 4096":                          {"--data", "x", "--min-size", "8"},
		"--max-size 100: must be 800 to 4096":                       {"--data", "x", "--max-size", "100"},
		"--proposals 0: must be 1 to":                               {"--data", "x", "--proposals", "0"},
		"--regions 0: must be 1 to":                                 {"--data", "x", "--regions", "0"},
		"--freeze 5: must be 0 to 4":                                {"--data", "x", "--freeze", "5"},
		"--backbone nothing: must be one of ":                       {"--data", "x", "--backbone", "nothing"},
		"--data is missing: name pictures with masks":               {},
		"--split: belongs to the model or its data, which --resume": {"--resume", "--split", "all"},
	} {
		out := filepath.Join(dir, "never")
		if args = append([]string{"train", "maskrcnn", "--out", out}, args...); strings.Contains(words, "--resume") {
			args[3] = a
		}
		fails(t, 2, []string{words}, args...)
	}
	fails(t, 1, []string{"nowhere: cannot be read"}, "train", "maskrcnn", "--data", "nowhere", "--out", filepath.Join(dir, "never"))
	if _, err := os.Stat(filepath.Join(dir, "never")); err == nil {
		t.Error("a wrong flag leaves a run folder")
	}
	fails(t, 1, []string{"finds boxes only", "bestiary detect --run"}, "segment", "--run", detectorRun(t), "--out", filepath.Join(dir, "other"), photosOfScenes(t))
	fails(t, 2, []string{"segment takes pictures"}, "segment", "--run", a, "--out", filepath.Join(dir, "other"))
}

// segments segments pictures: the masks are in the results, and the cut-outs are as large as the masks. Where BESTIARY_PYTORCH names a
// Python with pycocotools, that reads the results.
func segments(t *testing.T, run, out string) {
	t.Helper()
	photos := photosOfScenes(t)
	stdout := succeeds(t, "segment", "--run", run, "--min-score", "0.06", "--cutouts", "--out", out, "--threads", "1", photos)
	for _, want := range []string{out + ": 4 pictures, ", "pictures left out: 1: bad.jpg\n", filepath.Join(out, "results.json") + "\n"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("%q is missing in\n%s", want, stdout)
		}
	}
	results, err := detection.ReadResults(filepath.Join(out, "results.json"))
	if err != nil || len(results) == 0 {
		t.Fatal(len(results), err)
	}
	s, err := boxes.Open("scenes:3:4", boxes.Options{Split: "trainval"})
	if err != nil {
		t.Fatal(err)
	}
	first := true
	for _, r := range results {
		m, err := r.Mask.RLE(s.Pictures[r.Image-1].Width, s.Pictures[r.Image-1].Height)
		if err != nil {
			t.Fatal(err)
		}
		if r.Image != 1 || r.Score < 0.06 || m.Area() == 0 || !first {
			continue
		}
		first = false
		x0, y0, x1, y1 := m.Bounds()
		img, err := imaging.Open(filepath.Join(out, "cutouts", "a.png"))
		if err != nil {
			t.Fatal(err)
		}
		size := img.Bounds().Size()
		if size.X != x1-x0 || size.Y != y1-y0 {
			t.Errorf("a cut-out of %v, want %d×%d", size, x1-x0, y1-y0)
		}
		opaque := 0
		for y := range size.Y {
			for x := range size.X {
				if _, _, _, a := img.At(x, y).RGBA(); a != 0 {
					opaque++
				}
			}
		}
		if opaque != m.Area() {
			t.Errorf("a cut-out with %d pixels, want %d", opaque, m.Area())
		}
	}
	if first {
		t.Error("no cut-out to compare")
	}
	for _, name := range []string{"a.png", "b.png", "sub/a.png", "sub/c.png"} {
		readImage(t, filepath.Join(out, name))
	}
	python := os.Getenv("BESTIARY_PYTORCH")
	if python == "" || exec.Command(python, "-c", "import pycocotools").Run() != nil {
		return
	}
	script := `
import sys
from pycocotools.coco import COCO
from pycocotools import mask
found = COCO(sys.argv[1] + "/images.json").loadRes(sys.argv[1] + "/results.json")
for a in found.anns.values():
    assert found.annToMask(a).shape == tuple(a["segmentation"]["size"])
print(len(found.anns))
`
	if printed, err := exec.Command(python, "-c", script, out).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, printed)
	}
}
