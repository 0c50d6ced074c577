package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestGrowAugmentation trains with --grow-augmentation, resumes, and gives it where nothing can grow.
func TestGrowAugmentation(t *testing.T) {
	dir := t.TempDir()
	run := filepath.Join(dir, "run")
	grow := func(more ...string) []string {
		return tinyDVAE(append([]string{"--data", "birds:3:60", "--grow-augmentation", "--steps", "8", "--eval-every", "4"}, more...)...)
	}
	succeeds(t, grow("--out", run)...)
	var saved struct{ Data struct{ Grow bool } }
	if config(t, run, &saved); !saved.Data.Grow {
		t.Error("config.json doesn't say that the augmentation grows")
	}
	succeeds(t, "train", "dvae", "--run", run, "--resume", "--steps", "12", "--threads", "1")
	log, err := os.ReadFile(filepath.Join(run, "metrics.jsonl"))
	for _, name := range []string{"augmentation_strength", "training_pictures.loss"} {
		if n := strings.Count(string(log), name); err != nil || n != 3 {
			t.Errorf("%d lines have %s, want one for each evaluation: %v\n%s", n, name, err, log)
		}
	}
	fails(t, 2, []string{"--grow-augmentation", "leave it out, or start a new run"}, "train", "dvae", "--run", run, "--resume", "--grow-augmentation")

	other := filepath.Join(dir, "other")
	fails(t, 2, []string{"--grow-augmentation true: needs held-out pictures", "by --hold-out, or leave it out"}, grow("--out", other, "--hold-out", "0")...)
	fails(t, 2, []string{"--eval-every 0: leaves no evaluations"}, grow("--out", other, "--eval-every", "0")...)
	fails(t, 2, []string{"--grow-augmentation: has nothing to grow; give --crop below 1 or --colour above 0"}, grow("--out", other, "--crop", "1", "--colour", "0")...)
	fails(t, 2, []string{"--grow-augmentation: has nothing to grow; give --crop below 1, or leave it out"}, "train", "clip", "--run", other, "--crop", "1", "--grow-augmentation")
	fails(t, 2, []string{"--grow-augmentation: has nothing to grow; give --zoom below 1 or --colour above 0"},
		"train", "vqgan", "--data", "x", "--out", other, "--zoom", "1", "--colour", "0", "--grow-augmentation")
	fails(t, 2, []string{"--grow-augmentation: can't be combined with --views 8", "give --views 0"}, "train", "rectified", "--run", other, "--grow-augmentation")
	fails(t, 2, []string{"--grow-augmentation: can't be combined with --backbone"}, "train", "classifier", "--data", "x", "--out", other, "--backbone", "b.pth", "--grow-augmentation")
	if _, err := os.Stat(other); err == nil {
		t.Error("a training that can't begin left a run folder")
	}
}
