package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	runfolder "github.com/bestiary-ml/bestiary/internal/run"
)

// TestMistakesLeaveNoFolder expects a command that can't work to leave no run folder.
func TestMistakesLeaveNoFolder(t *testing.T) {
	folder := pictures(t, 24)
	for name, test := range map[string]struct {
		args  []string
		words []string
	}{
		"batch norm":  {tiny("--data", folder, "--batch", "1", "--steps", "4"), []string{"--batch 1", "batch norm"}},
		"warmup":      {tiny("--data", folder, "--warmup", "4", "--steps", "4"), []string{"--warmup 4", "4 steps"}},
		"dvae warmup": {tinyDVAE("--data", folder, "--warmup", "9", "--steps", "4"), []string{"--warmup 9", "4 steps"}},
		"patience":    {tiny("--data", folder, "--patience", "3", "--hold-out", "0", "--steps", "4"), []string{"--patience 3", "held-out"}},
	} {
		out := filepath.Join(t.TempDir(), "runs", "x")
		fails(t, 2, test.words, append(test.args, "--out", out)...)
		if _, err := os.Stat(filepath.Dir(out)); err == nil {
			t.Errorf("%s: the folder was made", name)
		}
	}
}

// TestSamplesThatCantBeDrawn trains a flow whose samples have no folder to go to.
func TestSamplesThatCantBeDrawn(t *testing.T) {
	folder, run := pictures(t, 40), filepath.Join(t.TempDir(), "run")
	succeeds(t, tiny("--data", folder, "--out", run, "--steps", "2")...)
	if err := os.RemoveAll(filepath.Join(run, "samples")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(run, "samples"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	_, stderr, code := bestiary(t, tinyFlow(run, "--steps", "4")...)
	if code != 0 || !strings.Contains(stderr, "failed to draw samples") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
	succeeds(t, "verify", run)
}

// TestFiniteDivergenceFails trains at a learning rate that is far too high.
func TestFiniteDivergenceFails(t *testing.T) {
	pictures(t, 1) // keeps the cache out of the user's
	run := filepath.Join(t.TempDir(), "run")
	_, stderr, code := bestiary(t, tinyDVAE("--data", "birds:3:60", "--out", run, "--steps", "12", "--lr", "10", "--warmup", "0", "--hold-out", "0.2", "--patience", "0")...)
	if code != 1 || !strings.Contains(stderr, "lower the learning rate") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
}

// TestImportWaitsForATraining imports into a folder that a training writes to.
func TestImportWaitsForATraining(t *testing.T) {
	dir := t.TempDir()
	pictures(t, 1)
	birds := filepath.Join(dir, "birds")
	succeeds(t, tinyDVAE("--data", "birds:3:60", "--out", birds, "--steps", "2")...)
	file, other := filepath.Join(dir, "vae.pt"), filepath.Join(dir, "other")
	succeeds(t, "export", "--run", birds, "--out", file)
	r, err := runfolder.Create(other)
	if err != nil {
		t.Fatal(err)
	}
	lock, err := r.Lock()
	if err != nil {
		t.Fatal(err)
	}
	fails(t, 1, []string{other, "is training into this folder"}, "import", file, "--out", other)
	if r.HasWeights("dvae") {
		t.Error("it was imported")
	}
	lock.Unlock()
	succeeds(t, "import", file, "--out", other)
	if told := succeeds(t, "verify", other); !strings.Contains(told, "whole") {
		t.Errorf("told %q", told)
	}
}

// TestVerifyRefuses checks the arguments.
func TestVerifyRefuses(t *testing.T) {
	fails(t, 2, []string{"one run folder"}, "verify")
	fails(t, 1, []string{"no such run folder"}, "verify", filepath.Join(t.TempDir(), "none"))
	fails(t, 1, []string{"no such run folder"}, "verify", "--accept", filepath.Join(t.TempDir(), "none"))
}
