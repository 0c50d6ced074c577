package main

import (
	"image/png"
	"io"
	"os"
	"path/filepath"
	"testing"
)

func TestRun(t *testing.T) {
	out := filepath.Join(t.TempDir(), "moons.png")
	loss, err := run(300, out, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if loss > 1.2 { // a single Gaussian of the right covariance reaches about 1.9
		t.Errorf("negative log-likelihood %.3f after 300 steps", loss)
	}
	f, err := os.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := png.Decode(f); err != nil {
		t.Error(err)
	}
}
