package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/ram"
)

// TestLimitFlags bounds pictures and memory.
func TestLimitFlags(t *testing.T) {
	t.Cleanup(func() { ram.SetLimit(0) }) // the limit is one of the process
	folder, run := pictures(t, 24), filepath.Join(t.TempDir(), "run")
	fails(t, 1, []string{"32×32 pixels, more than the 500 that are allowed"}, tiny("--data", folder, "--out", run, "--steps", "1", "--max-pixels", "500")...)
	fails(t, 1, []string{"decoding takes more than 1ns"}, "check", folder, "--no-cache", "--max-picture-time", "1ns")
	if told := succeeds(t, "check", folder, "--max-pixels", "2000", "--max-picture-time", "1m", "--max-memory", "2GB"); strings.Contains(told, "left out") {
		t.Errorf("left out pictures within the limits:\n%s", told)
	}
	fails(t, 1, []string{"memory"}, "train", "autoencoder", "--data", folder, "--out", run, "--steps", "1", "--batch", "4", "--max-memory", "100MB", "--threads", "1")
	for args, words := range map[string][]string{
		"info x --max-memory lots":        {"--max-memory", `"lots" is not a size`},
		"info x --max-memory 1MB":         {"--max-memory 1MB: must be 64MB or more"},
		"info x --max-pixels -5":          {"--max-pixels -5: must be 1 to 50000000"},
		"info x --max-picture-time -5s":   {"--max-picture-time -5s: must be up to 24h"},
		"check x --max-picture-time fast": {"--max-picture-time fast: must be a time with its unit"},
	} {
		fails(t, 2, words, strings.Fields(args)...)
	}
}
