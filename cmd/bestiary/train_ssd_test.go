package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/models"
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
