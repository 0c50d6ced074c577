package main

import (
	"encoding/json"
	"image"
	"image/color"
	"image/draw"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/data"
	runfolder "github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/maskrcnn"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/sample/layout"
	"github.com/disintegration/imaging"
)

// segmenterRun is a run with a small Mask R-CNN that takes every region for a cat, or for nothing, and all of its pixels for covered.
func segmenterRun(t *testing.T, sure bool) string {
	t.Helper()
	c := maskrcnn.Torchvision("mobilenet_v2", 2)
	c.MinSide, c.MaxSide, c.Width, c.HeadWidth, c.MaskWidth, c.MaskSize, c.Proposals.Before, c.Proposals.After = 64, 96, 8, 8, 4, 4, 20, 20
	class := 0
	if sure {
		class = 1
	}
	return maskRCNNRun(t, c, []string{"cat", "dog"}, func(p nn.Param) {
		if strings.HasSuffix(p.Path, "cls_score.bias") || strings.HasSuffix(p.Path, "mask_fcn_logits.bias") {
			values := p.Tensor.Values()
			values[class] = 30
			p.Tensor.Set(values)
		}
	})
}

// TestCutout trains on animals without their background, from another folder than the resume and the trainings that follow, and puts
// what the run draws on backgrounds.
func TestCutout(t *testing.T) {
	if testing.Short() {
		t.Skip("trains an autoencoder and a flow for a few steps")
	}
	segmenter, folder, run := segmenterRun(t, true), pictures(t, 24), filepath.Join(t.TempDir(), "run")
	t.Chdir(filepath.Dir(segmenter))
	base := filepath.Base(segmenter)
	succeeds(t, tiny("--data", folder, "--out", run, "--steps", "2", "--cutout", base+":black", "--resize", "detector:"+base+":0.1")...)
	t.Chdir(t.TempDir())
	r, err := runfolder.Open(run)
	if err != nil {
		t.Fatal(err)
	}
	var trained data.Description
	if err := r.Data(&trained); err != nil || trained.Cutout != segmenter+":black" || trained.Resize != "detector:"+segmenter+":0.1" {
		t.Fatalf("%+v, %v", trained, err)
	}
	fails(t, 2, []string{"--cutout: belongs to the model or its data, which --resume keeps"}, "train", "autoencoder", "--out", run, "--resume", "--cutout", segmenter)
	succeeds(t, "train", "autoencoder", "--out", run, "--resume", "--steps", "4", "--threads", "1")
	succeeds(t, tinyFlow(run, "--steps", "2")...)
	succeeds(t, "eval", "--run", run, "--threads", "1")
	composes(t, run, segmenter)
	photo := filepath.Join(t.TempDir(), "photo.png")
	if err := layout.SavePNG(photo, image.NewNRGBA(image.Rect(0, 0, 40, 40))); err != nil {
		t.Fatal(err)
	}
	if _, stderr, code := bestiary(t, "reconstruct", "--run", run, "--threads", "1", "--out", photo+".png", photo); code != 0 || !strings.Contains(stderr, photo+": is not cut out") {
		t.Errorf("code %d, %s", code, stderr)
	}

	f := &captionFlags{trainFlags: &trainFlags{data: &dataFlags{}}}
	if f.inherit(newTrainDALLE(), trained); f.data.cutout != trained.Cutout {
		t.Errorf("a training on the run has the cutout %q", f.data.cutout)
	}
	never := func(more ...string) []string {
		return tiny(append([]string{"--out", filepath.Join(t.TempDir(), "never")}, more...)...)
	}
	fails(t, 2, []string{"--cutout: has no value"}, never("--data", folder, "--cutout", "")...)
	fails(t, 2, []string{`"pink" is no colour of a background; use white, black or grey`}, never("--data", folder, "--cutout", segmenter+":pink")...)
	fails(t, 1, []string{"--cutout ", "has no detector; name the run of a Mask R-CNN"}, never("--data", folder, "--cutout", run)...)
	if err := os.Rename(segmenter, segmenter+"2"); err != nil {
		t.Fatal(err)
	}
	fails(t, 1, []string{"--cutout " + segmenter + ":black: there is no " + segmenter, "move the run of the detector back there"}, "eval", "--run", run, "--threads", "1")
	if err := os.Rename(segmenter+"2", segmenter); err != nil {
		t.Fatal(err)
	}
	fails(t, 2, []string{"--cutout :grey: must be the run folder of a segmenter, alone or with :white"}, never("--data", folder, "--cutout", ":grey")...)
	fails(t, 2, []string{"--cutout ", "not available for drawn:1:60, whose pictures are drawn"}, never("--data", "drawn:1:60", "--cutout", segmenter)...)
	fails(t, 1, []string{"--cutout ", "nowhere: ", "there is no such run folder"}, never("--data", folder, "--cutout", "nowhere")...)
	fails(t, 1, []string{"--cutout ", "boxes without masks; name the run of a Mask R-CNN"}, never("--data", folder, "--cutout", detectorRun(t))...)
	fails(t, 1, []string{"none of 24 pictures has a subject that the segmenter finds"}, never("--data", folder, "--split", "all", "--cutout", segmenterRun(t, false))...)
}

// composes puts the pictures of a run that was trained on cut-outs on two backgrounds.
func composes(t *testing.T, run, segmenter string) {
	t.Helper()
	dir := t.TempDir()
	backgrounds := filepath.Join(dir, "backgrounds")
	if err := os.Mkdir(backgrounds, 0o777); err != nil {
		t.Fatal(err)
	}
	blue := filepath.Join(backgrounds, "b.png")
	for file, c := range map[string]color.NRGBA{filepath.Join(backgrounds, "a.png"): {0, 255, 0, 255}, blue: {0, 0, 255, 255}} {
		img := image.NewNRGBA(image.Rect(0, 0, 90, 70))
		draw.Draw(img, img.Rect, image.NewUniform(c), image.Point{}, draw.Src)
		if err := layout.SavePNG(file, img); err != nil {
			t.Fatal(err)
		}
	}
	type output struct {
		Pictures []struct{ File, Cutout, Background string }
	}
	draws := func(more ...string) (o output, stderr string) {
		t.Helper()
		stdout, stderr, code := bestiary(t, append([]string{"sample", "--run", run, "-n", "2", "--json", "--threads", "1", "--each", filepath.Join(dir, "each")}, more...)...)
		if err := json.Unmarshal([]byte(stdout), &o); code != 0 || err != nil || len(o.Pictures) != 4 {
			t.Fatalf("%v: code %d, %v, %s%s", more, code, err, stdout, stderr)
		}
		return o, stderr
	}
	// The segmenter says what is animal: a corner of the background shows.
	o, stderr := draws("--compose", backgrounds, "--segmenter", segmenter, "--compose-scale", "0.5", "--cutouts", filepath.Join(dir, "cut"), "--seed", "1")
	if stderr != "" {
		t.Error(stderr)
	}
	for i, p := range o.Pictures {
		if want := filepath.Join(backgrounds, []string{"b.png", "a.png"}[i%2]); p.Background != want {
			t.Errorf("picture %d has the background %s, want %s", i, p.Background, want)
		}
		if _, size := readImage(t, p.File); size != image.Pt(64, 64) {
			t.Errorf("a composition of %v", size)
		}
		img, err := imaging.Open(p.File)
		if err != nil {
			t.Fatal(err)
		}
		want := map[bool][4]uint32{false: {0, 0, 0xffff, 0xffff}, true: {0, 0xffff, 0, 0xffff}}[i%2 == 1]
		if r, g, b, a := img.At(0, 0).RGBA(); [4]uint32{r, g, b, a} != want {
			t.Errorf("a corner is %v, want %v", [4]uint32{r, g, b, a}, want)
		}
		cut, err := imaging.Open(p.Cutout)
		if err != nil {
			t.Fatal(err)
		}
		if r, g, b, _ := img.At(32, 63).RGBA(); [3]uint32{r, g, b} == [3]uint32(want[:3]) && cut.Bounds().Dx() > 4 {
			t.Error("no animal stands at the bottom in the middle")
		}
	}
	// Without a segmenter, the plain background is what is taken away, and everything is animal in what a flow of two steps draws.
	if o, _ = draws("--compose", blue); o.Pictures[1].Background != blue {
		t.Errorf("%+v", o)
	}
	if _, size := readImage(t, o.Pictures[0].File); size != image.Pt(int(math.Round(32/0.75)), int(math.Round(32/0.75))) {
		t.Errorf("a composition of %v", size)
	}
	nothing := segmenterRun(t, false)
	if o, stderr = draws("--cutouts", filepath.Join(dir, "none"), "--segmenter", nothing); !strings.Contains(stderr, "pictures in which no animal is found, left as they are drawn: 4: ") || o.Pictures[0].Cutout != "" {
		t.Errorf("%+v, %s", o, stderr)
	}
	if o, _ = draws("--compose", blue, "--segmenter", nothing); o.Pictures[0].Background != "" {
		t.Errorf("%+v", o)
	}
	if _, size := readImage(t, o.Pictures[0].File); size != image.Pt(43, 43) {
		t.Errorf("a picture that is left as it is drawn has %v", size)
	}
	bad := filepath.Join(dir, "bad.png")
	if err := os.WriteFile(bad, []byte("no picture"), 0o666); err != nil {
		t.Fatal(err)
	}
	root := newRoot()
	root.SetContext(t.Context())
	photos, err := findPhotos([]string{blue, bad})
	if err != nil {
		t.Fatal(err)
	}
	f := &composeFlags{scale: 0.5, photos: photos}
	if err := f.prepare(root, 0, 1, 16); err != nil {
		t.Errorf("a broken background that isn't used: %v", err)
	}
	if err := f.prepare(root, 0, 2, 16); err == nil || !strings.Contains(err.Error(), "bad.png") {
		t.Errorf("a broken background is found before pictures are drawn: %v", err)
	}
	args := []string{"sample", "--run", run, "--threads", "1", "--out", filepath.Join(dir, "x.png")}
	for words, more := range map[string][]string{
		"2 --segmenter: needs --compose or --cutouts":   {"--segmenter", segmenter},
		"2 --compose-scale: needs --compose":            {"--compose-scale", "0.5"},
		"2 --compose-scale 2: must be 0.1 to 1":         {"--compose", blue, "--compose-scale", "2"},
		"2 --compose: has no value":                     {"--compose", ""},
		"1 --compose nowhere: there is no such picture": {"--compose", "nowhere"},
		"1 bad.png: can't be decoded as a picture":      {"--compose", bad},
		"1 boxes without masks":                         {"--compose", blue, "--segmenter", detectorRun(t)},
		"1 --segmenter nowhere: ":                       {"--compose", blue, "--segmenter", "nowhere"},
		"2 would overwrite":                             {"--compose", blue, "--out", blue},
		"2 --each " + backgrounds + ": holds ":          {"--compose", backgrounds, "--each", backgrounds},
		"1 --cutouts " + bad + ": is a file":            {"--cutouts", bad},
		"2 --cutouts " + backgrounds + ": holds ":       {"--compose", backgrounds, "--cutouts", backgrounds},
		"2 is also --each":                              {"--cutouts", filepath.Join(dir, "same"), "--each", filepath.Join(dir, ".", "same") + "/"},
		"2 could have the same name":                    {"--cutouts", dir, "--out", filepath.Join(dir, "cat-0001.png")},
		"2 x.png could have the same name":              {"--cutouts", filepath.Join(dir, "x.png")},
		"1 has no detector; name the run of a Mask":     {"--compose", blue, "--segmenter", run},
	} {
		code := int(words[0] - '0')
		fails(t, code, []string{words[2:]}, append(args, more...)...)
	}
	whole := filepath.Join(t.TempDir(), "whole")
	succeeds(t, tiny("--data", pictures(t, 24), "--out", whole, "--steps", "2")...)
	succeeds(t, tinyFlow(whole, "--steps", "2")...)
	args[2] = whole
	fails(t, 2, []string{"--compose: needs --segmenter", "trained on pictures with their backgrounds"}, append(args, "--compose", blue)...)
}
