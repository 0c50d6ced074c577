package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	runfolder "github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/train"
)

func TestPrecisionFallsBack(t *testing.T) {
	falling := [][]string{{"doctor", "--precision", "medium", "--kernels", "portable"}}
	if high := []string{"doctor", "--precision", "high"}; simd.HasAMX() {
		if out, told, code := bestiary(t, high...); code != 0 || told != "" || !strings.Contains(out, ", precision high\n") {
			t.Errorf("%v, with AMX, printed %q to stdout and %q to stderr", high, out, told)
		}
	} else {
		falling = append(falling, high)
	}
	for _, args := range falling {
		out, told, code := bestiary(t, args...)
		if code != 0 || strings.Count(told, "in float32 (highest)") != 1 || !strings.Contains(out, ", precision highest\n") {
			t.Errorf("%v printed %q to stdout and %q to stderr", args, out, told)
		}
	}
	if simd.Detect() != simd.Portable {
		why := ""
		if simd.BF16For(simd.Detect()) == nil || !simd.HasAMX() && !simd.BF16Pays() {
			why = "generates with weights in bfloat16"
		}
		out, told, code := bestiary(t, "doctor", "--device", "cpu", "--precision", "medium")
		if code != 0 || (told != "") != (why != "") || !strings.Contains(told, why) || !strings.Contains(out, ", precision medium\n") {
			t.Errorf("printed %q to stdout and %q to stderr", out, told)
		}
	}
	if _, told, _ := bestiary(t, "doctor"); told != "" {
		t.Errorf("printed %q, but no precision was given", told)
	}
}

// TestResumedPrecision checks that a resumed training keeps the precision of its run.
func TestResumedPrecision(t *testing.T) {
	want := "highest"
	if simd.Detect() != simd.Portable {
		want = "medium"
	}
	folder, path := pictures(t, 24), filepath.Join(t.TempDir(), "run")
	precision := func() string {
		r, err := runfolder.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		var c train.Config
		if err := r.Training("autoencoder", &c); err != nil {
			t.Fatal(err)
		}
		return c.Precision
	}
	succeeds(t, tiny("--data", folder, "--out", path, "--steps", "2", "--precision", "medium")...)
	if got := precision(); got != want {
		t.Errorf("trained at precision %q, want %q", got, want)
	}
	succeeds(t, "train", "autoencoder", "--data", folder, "--out", path, "--resume", "--steps", "3")
	if got := precision(); got != want {
		t.Errorf("went on at precision %q, want %q", got, want)
	}
	succeeds(t, "train", "autoencoder", "--data", folder, "--out", path, "--resume", "--steps", "4", "--precision", "highest")
	if got := precision(); got != "highest" {
		t.Errorf("went on at precision %q, want highest", got)
	}
}
