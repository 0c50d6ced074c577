package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/data"
)

// tinyDVAE are the flags of a discrete VAE that trains in no time, of which 4×4 codes are a picture.
func tinyDVAE(more ...string) []string {
	return append([]string{"train", "dvae", "--image-size", "16", "--layers", "2", "--hidden", "8", "--codes", "16", "--codebook-dim", "8",
		"--batch", "8", "--threads", "1"}, more...)
}

// config reads a section of a run's config.json.
func config(t *testing.T, run string, into any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(run, "config.json"))
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestTrainDVAE(t *testing.T) {
	folder, dir := pictures(t, 60), t.TempDir()
	run, other := filepath.Join(dir, "run"), filepath.Join(dir, "other")
	told := succeeds(t, tinyDVAE("--data", "birds:3:60", "--out", run, "--epochs", "3")...)
	if !strings.HasPrefix(told, "dvae: 21 steps, lowest held-out loss ") {
		t.Errorf("told %q", told)
	}
	var saved struct {
		Options struct {
			DVAE struct{ Annealing struct{ Steps int } }
		}
		Data struct{ Path, Split string }
	}
	if config(t, run, &saved); saved.Options.DVAE.Annealing.Steps != 21 || saved.Data.Path != "birds:3:60" || saved.Data.Split != "trainval" {
		t.Errorf("config.json has %+v", saved)
	}
	readImage(t, filepath.Join(run, "samples", "dvae-step-000021.png"))
	succeeds(t, "train", "dvae", "--run", run, "--resume", "--epochs", "4", "--threads", "1")
	fails(t, 1, []string{"holds a training of dvae already", "--resume"}, tinyDVAE("--data", "birds:3:60", "--out", run)...)
	fails(t, 2, []string{"--codes", "start a new run"}, "train", "dvae", "--run", run, "--resume", "--codes", "32")
	fails(t, 1, []string{"--data", "not those", "resume with the same"}, "train", "dvae", "--run", run, "--resume", "--epochs", "5", "--data", "birds:4:60")

	succeeds(t, tinyDVAE("--data", folder, "--out", other, "--steps", "3", "--channels", "4")...)
	fails(t, 1, []string{"birds:3:60", "--channels 3"}, tinyDVAE("--data", "birds:3:60", "--out", filepath.Join(dir, "new"), "--channels", "4")...)
	fails(t, 1, []string{"birds:x:60", "birds:SEED:N"}, tinyDVAE("--data", "birds:x:60", "--out", filepath.Join(dir, "new"))...)
	fails(t, 1, []string{`"seen"`, "trainval or test"}, tinyDVAE("--data", "birds:3:60", "--split", "seen", "--out", filepath.Join(dir, "new"))...)
	fails(t, 2, []string{"--batch 300", "60 pictures"}, tinyDVAE("--data", "birds:3:60", "--hold-out", "0", "--batch", "300", "--out", filepath.Join(dir, "new"))...)
	if _, err := os.Stat(filepath.Join(dir, "new")); err == nil {
		t.Error("a training that can't begin left a run folder")
	}
}

// TestDrawnBirdsSplits checks that the birds to test with are none of those to train on.
func TestDrawnBirdsSplits(t *testing.T) {
	seen := map[string]string{}
	for split, want := range map[string]int{"trainval": 10, "test": 2, "all": 12} {
		d, err := drawBirds("birds:7:10", data.Options{Size: 16, Split: data.Split(split)})
		if err != nil || d.Len() != want || len(d.Captions) != want {
			t.Fatalf("%s: %v, want %d birds", split, err, want)
		}
		if split == "all" {
			continue
		}
		for i := range d.Len() {
			picture := string(d.Image(i))
			if before, ok := seen[picture]; ok {
				t.Errorf("%s %s: is %s, too", split, d.Name(i), before)
			}
			seen[picture] = split + " " + d.Name(i)
		}
	}
}

func TestWrongUsageOfBirds(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, test := range []struct{ args, words string }{
		{"train dvae --out x", "--data"},
		{"train dvae --data birds:1:9", "--out"},
		{"train dvae --data x --out y --image-size 30", "--image-size 30 multiple of 4"},
		{"train dvae --data x --out y --codes 1", "--codes 1 2 to"},
		{"train dvae --data x --out y --channels 5", "--channels 5 3 to 4"},
		{"train dvae --data x --out y --reinmax", "--reinmax straight-through"},
		{"train dvae --data x --out y --temperature 0", "--temperature 0 above 0"},
		{"train dvae --data x --out y --temperature-floor 2", "--temperature-floor 2"},
		{"train dvae --data x --out y --anneal-steps -1", "--anneal-steps -1 0 or more"},
		{"train dvae --data x --out y --revive -1", "--revive -1 0 or more"},
		{"train dvae --data x --out y --kl-weight nan", "--kl-weight"},
		{"train dvae --data x --out y --crop 2", "--crop 2"},
		{"train dvae --data x --out y --hold-out 1", "--hold-out less than 1"},
		{"train dvae --data x --out y --split some", `split "some" trainval`},
	} {
		fails(t, 2, strings.Split(test.words, " "), strings.Fields(test.args)...)
	}
	if left, _ := os.ReadDir("."); len(left) > 0 {
		t.Errorf("wrong usage left %v behind", left)
	}
}
