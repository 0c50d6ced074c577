package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/data/boxes"
	"github.com/bestiary-ml/bestiary/internal/atomicfile"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/sample/layout"
	"github.com/bestiary-ml/bestiary/ssd"
	"github.com/bestiary-ml/bestiary/train"
)

// TestTrainSSD trains a small detector, continues, and fine-tunes it on fewer classes.
func TestTrainSSD(t *testing.T) {
	t.Chdir(t.TempDir())
	run := func(want string, args ...string) {
		t.Helper()
		_, stderr, code := bestiary(t, append([]string{"train", "ssd"}, args...)...)
		if code != 0 || !strings.Contains(stderr, want) {
			t.Fatalf("%v: code %d, %s; want %q", args, code, stderr, want)
		}
	}
	run("training on 10 pictures, 2 held out", "--data", "scenes:1:12", "--hold-out", "0.2", "--image-size", "32", "--out", "a", "--steps", "2", "--batch", "4", "--regression", "diou", "--preset", "coco")
	c, err := models.SSD.Config("a")
	if err != nil || c.Classes != 3 || c.Regression != ssd.DIoU || c.Priors.Scales[0] != 0.07 || c.ImageSize != 32 {
		t.Errorf("%+v, %v", c, err)
	}
	run("continues after step 2", "--resume", "--out", "a", "--steps", "3")
	run("the layers that predict classes are new", "--data", "scenes:2:8", "--classes", "cat,dog", "--from", "a", "--out", "b", "--epochs", "1", "--batch", "4",
		"--optimizer", "sgd", "--schedule", "multistep", "--momentum", "0.8", "--nesterov", "--freeze", "1")
	settings, err := train.Saved("b", models.SSD.Name)
	if err != nil || settings.Optimizer != "sgd" || !settings.Nesterov || settings.Momentum != 0.8 || len(settings.Milestones) != 2 {
		t.Errorf("%+v, %v", settings, err)
	}
	if c, err = models.SSD.Config("b"); err != nil || c.Classes != 2 || c.Regression != ssd.DIoU || c.Frozen != 1 {
		t.Errorf("%+v, %v", c, err)
	}
	for want, args := range map[string][]string{
		"--backbone: belongs to the model, which --from keeps":      {"--data", "x", "--out", "c", "--from", "a", "--backbone", "vgg16"},
		"--from a: is the run itself":                               {"--data", "x", "--out", "a", "--from", "a"},
		"--from a: begins a training, and --resume continues one":   {"--out", "a", "--from", "a", "--resume"},
		"nowhere: there is no such run folder or file":              {"--data", "x", "--out", "c", "--from", "nowhere"},
		"--backbone nothing: must be small or one of":               {"--data", "x", "--out", "c", "--backbone", "nothing"},
		"weights.pth: there is no such file of weights":             {"--data", "x", "--out", "c", "--backbone", "weights.pth"},
		"--image-size 8: must be 32 to 1024":                        {"--data", "x", "--out", "c", "--image-size", "8"},
		"--regression l2: must be smooth-l1, giou, diou or ciou":    {"--data", "x", "--out", "c", "--regression", "l2"},
		"--freeze 9: must be 0 to 5":                                {"--data", "x", "--out", "c", "--freeze", "9"},
		"--milestones 5: need the --schedule multistep":             {"--data", "x", "--out", "c", "--milestones", "5"},
		"--nesterov true: needs the --optimizer sgd":                {"--data", "x", "--out", "c", "--nesterov"},
		"--split: belongs to the model or its data, which --resume": {"--out", "a", "--resume", "--split", "all"},
	} {
		_, stderr, code := bestiary(t, append([]string{"train", "ssd"}, args...)...)
		if code == 0 || !strings.Contains(stderr, want) {
			t.Errorf("%v: code %d, %s; want %q", args, code, stderr, want)
		}
	}
	if there, _ := filepath.Glob("c*"); len(there) > 0 {
		t.Error("a wrong flag leaves a run folder")
	}
}

// TestTrainSSDWithoutSplits trains on a JSON file, and on a folder of YOLO, which have no splits: they are used whole, unless --split or
// the split test is there.
func TestTrainSSDWithoutSplits(t *testing.T) {
	t.Chdir(t.TempDir())
	s, err := boxes.Open("scenes:1:5", boxes.Options{Split: data.Trainval})
	if err != nil {
		t.Fatal(err)
	}
	for i := range s.Pictures {
		p := &s.Pictures[i]
		m, err := p.Read()
		if err != nil {
			t.Fatal(err)
		}
		p.Name = fmt.Sprintf("%d.png", i)
		for _, folder := range []string{"coco", "yolo"} {
			if err := os.MkdirAll(folder, 0o777); err != nil {
				t.Fatal(err)
			}
			if err := layout.SavePNG(filepath.Join(folder, p.Name), m.NRGBA()); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join("yolo", fmt.Sprintf("%d.txt", i)), []byte("0 .5 .5 .4 .4\n"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if err := atomicfile.Write(filepath.Join("coco", "a.json"), s.WriteCOCO); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join("yolo", "classes.txt"), []byte("cat\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	train := func(want string, args ...string) {
		t.Helper()
		_, stderr, code := bestiary(t, append([]string{"train", "ssd", "--image-size", "32", "--steps", "1", "--batch", "2", "--hold-out", "0.2"}, args...)...)
		if (code != 0) != strings.Contains(want, "not available") || !strings.Contains(stderr, want) {
			t.Errorf("%v: code %d, %s; want %q", args, code, stderr, want)
		}
	}
	train("training on 4 pictures, 1 held out", "--data", "coco/a.json", "--out", "a")
	train("training on 4 pictures, 1 held out", "--data", "coco", "--out", "b")
	train("training on 4 pictures, 1 held out", "--data", "yolo", "--out", "c")
	train("--split trainval: not available, as coco/a.json is a single file; use all", "--data", "coco/a.json", "--out", "d", "--split", "trainval")
	if _, stderr, code := bestiary(t, "eval", "--run", "a"); code != 0 || !strings.Contains(stderr, "measuring the 1 picture that the training held out") {
		t.Errorf("code %d, %s", code, stderr)
	}
	if err := os.Mkdir(filepath.Join("yolo", "val"), 0o777); err != nil {
		t.Fatal(err)
	}
	for _, ending := range []string{".png", ".txt"} {
		if err := os.Rename(filepath.Join("yolo", "0"+ending), filepath.Join("yolo", "val", "0"+ending)); err != nil {
			t.Fatal(err)
		}
	}
	train("--split trainval: not available", "--data", "yolo", "--out", "e") // those of val are not to be trained on
}
