package main

import (
	"bytes"
	"fmt"
	"image"
	_ "image/gif"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/drawn"
	_ "github.com/bestiary-ml/bestiary/internal/lighttest" // plots and syncs
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/sample/layout"
)

// bestiary runs a command line and returns what it printed and its exit code.
func bestiary(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(args, &out, &errs)
	return out.String(), errs.String(), code
}

// succeeds runs a command line that must work and returns what it printed to stdout.
func succeeds(t *testing.T, args ...string) string {
	t.Helper()
	stdout, stderr, code := bestiary(t, args...)
	if code != 0 {
		t.Fatalf("bestiary %s: exit code %d\n%s", strings.Join(args, " "), code, stderr)
	}
	return stdout
}

// fails runs a command line that must fail: with that code, nothing on stdout, and a last line on stderr that has all
// the words.
func fails(t *testing.T, code int, words []string, args ...string) {
	t.Helper()
	stdout, stderr, got := bestiary(t, args...)
	lines := strings.Split(strings.TrimSpace(stderr), "\n")
	last := lines[len(lines)-1]
	if got != code || stdout != "" || !strings.HasPrefix(last, "bestiary: ") {
		t.Errorf("bestiary %s: exit code %d, want %d; stdout %q, stderr %q", strings.Join(args, " "), got, code, stdout, stderr)
	}
	for _, word := range words {
		if !strings.Contains(last, word) {
			t.Errorf("bestiary %s: %q doesn't contain %q", strings.Join(args, " "), last, word)
		}
	}
}

// pictures writes drawn animals as a folder of classes, and gives the program a cache folder of its own.
func pictures(t *testing.T, n int) string {
	t.Helper()
	cache := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	t.Setenv("HOME", cache)
	dir := t.TempDir()
	animals, err := drawn.New(3, n, drawn.Options{Size: 32})
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		class := filepath.Join(dir, animals.Classes[animals.Label(i)])
		if err := os.MkdirAll(class, 0o777); err != nil {
			t.Fatal(err)
		}
		if err := layout.SavePNG(filepath.Join(class, fmt.Sprintf("%03d.png", i)), sample.Split(animals.Image(i), 32, 3)[0]); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// tiny returns the flags of an autoencoder that trains in milliseconds.
func tiny(more ...string) []string {
	return append([]string{"train", "autoencoder", "--channels", "3,4,4,8,8,8", "--hidden", "16", "--embedding", "6", "--image-size", "32",
		"--batch", "8", "--threads", "1"}, more...)
}

func tinyFlow(run string, more ...string) []string {
	return append([]string{"train", "flow", "--run", run, "--layers", "4", "--hidden", "16", "--batch", "16", "--threads", "1"}, more...)
}

// readImage checks that a file is a picture and returns its format and size.
func readImage(t *testing.T, path string) (format string, size image.Point) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	img, format, err := image.Decode(f)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return format, img.Bounds().Size()
}
