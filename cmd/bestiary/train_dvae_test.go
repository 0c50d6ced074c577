package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tinyDVAE returns the flags of a discrete VAE with 4×4 codes that trains in milliseconds.
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
	printed := succeeds(t, tinyDVAE("--data", "birds:3:60", "--out", run, "--epochs", "3")...)
	if !strings.HasPrefix(printed, "dvae: 21 steps, lowest held-out loss ") {
		t.Errorf("printed %q", printed)
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
	fails(t, 2, []string{"birds:3:60", "--channels 4", "must be 3"}, tinyDVAE("--data", "birds:3:60", "--out", filepath.Join(dir, "new"), "--channels", "4")...)
	fails(t, 2, []string{"birds:x:60", "birds:SEED:N"}, tinyDVAE("--data", "birds:x:60", "--out", filepath.Join(dir, "new"))...)
	fails(t, 2, []string{"--split seen", "trainval or test"}, tinyDVAE("--data", "birds:3:60", "--split", "seen", "--out", filepath.Join(dir, "new"))...)
	for share, printed := range map[string]string{
		"0.001": "training on 7 pictures, 1 held out: --hold-out 0.001 is less than one of 8\n",
		"0.999": "training on 1 picture, 7 held out: --hold-out 0.999 leaves less than one of 8\n",
	} {
		_, stderr, code := bestiary(t, tinyDVAE("--data", "birds:3:8", "--hold-out", share, "--batch", "1", "--steps", "2", "--out", filepath.Join(dir, share))...)
		if code != 0 || !strings.Contains(stderr, printed) || !strings.Contains(stderr, "held out:") {
			t.Errorf("--hold-out %s: exit code %d, %q", share, code, stderr)
		}
	}
	fails(t, 2, []string{"--batch 300", "60 pictures"}, tinyDVAE("--data", "birds:3:60", "--hold-out", "0", "--batch", "300", "--out", filepath.Join(dir, "new"))...)
	if _, err := os.Stat(filepath.Join(dir, "new")); err == nil {
		t.Error("a training that can't begin left a run folder")
	}
}
