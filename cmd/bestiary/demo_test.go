package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestDemo(t *testing.T) {
	if testing.Short() {
		t.Skip("trains the demo's models for a few steps, which takes seconds")
	}
	dir := filepath.Join(t.TempDir(), "demo")
	report := filepath.Join(dir, "report.md")
	if printed := succeeds(t, "demo", "--quick", "--threads", "1", "--out", dir); printed != report+"\n" {
		t.Errorf("printed %q", printed)
	}
	text, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"reconstructions.png", "samples.png", "walk.png", "walk.gif", "autoencoder.loss.png", "flow.loss.png",
		"birds.png", "birds-reconstructions.png", "birds/dvae.loss.png", "birds/dalle.loss.png"} {
		readImage(t, filepath.Join(dir, name))
		if !bytes.Contains(text, []byte("("+name+")")) {
			t.Errorf("the report doesn't show %s", name)
		}
	}
	fails(t, 1, []string{"--force", "--out"}, "demo", "--quick", "--out", dir)
	fails(t, 2, []string{"tpu"}, "demo", "--quick", "--out", dir, "--force", "--device", "tpu")
	if _, err := os.Stat(report); err != nil {
		t.Error("a demo that couldn't start removed the earlier one")
	}
}

// TestDemoReplacesDemosOnly checks that --force never removes a run on other pictures than a demo's.
func TestDemoReplacesDemosOnly(t *testing.T) {
	folder, run := pictures(t, 24), filepath.Join(t.TempDir(), "run")
	succeeds(t, tiny("--data", folder, "--out", run, "--steps", "2")...)
	fails(t, 1, []string{folder, "not from a demo"}, "demo", "--quick", "--force", "--out", run)
	if _, err := os.Stat(filepath.Join(run, "autoencoder.safetensors")); err != nil {
		t.Error(err)
	}
}
