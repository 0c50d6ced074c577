package main

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/sample/layout"
)

// TestOutputNames gives files names that differ on file systems without regard to case, too.
func TestOutputNames(t *testing.T) {
	names := outputNames{dir: t.TempDir()}
	for _, c := range [][2]string{{"photo", "photo"}, {"PHOTO", "PHOTO-2"}, {"photo", "photo-3"}, {"cutouts/a", "cutouts/a"}, {"cutouts/a", "cutouts/a-2"}} {
		file, err := names.next(c[0], ".png")
		if want := filepath.Join(names.dir, filepath.FromSlash(c[1])+".png"); err != nil || file != want {
			t.Errorf("%s: %s, %v; want %s", c[0], file, err, want)
		}
	}
}

// TestCutoutsOfFolderOfThatName segments pictures with a folder "cutouts" of their own: all pictures and cut-outs are written.
func TestCutoutsOfFolderOfThatName(t *testing.T) {
	dir, out := t.TempDir(), filepath.Join(t.TempDir(), "out")
	for _, name := range []string{"a.png", "cutouts/a.png"} {
		img := image.NewNRGBA(image.Rect(0, 0, 70, 60))
		draw.Draw(img, img.Rect, image.NewUniform(color.NRGBA{200, 30, 90, 255}), image.Point{}, draw.Src)
		file := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o777), layout.SavePNG(file, img)); err != nil {
			t.Fatal(err)
		}
	}
	stdout := succeeds(t, "segment", "--run", segmenterRun(t, true), "--threads", "1", "--cutouts", "--out", out, dir)
	var objects int
	if _, err := fmt.Sscanf(stdout[strings.Index(stdout, "pictures, ")+len("pictures, "):], "%d objects", &objects); err != nil || objects < 2 {
		t.Fatalf("%s: %v", stdout, err)
	}
	files, err := filepath.Glob(filepath.Join(out, "cutouts", "*.png"))
	more, err2 := filepath.Glob(filepath.Join(out, "cutouts", "cutouts", "*.png"))
	if n := len(files) + len(more); err != nil || err2 != nil || n != objects+1 {
		t.Errorf("%d files for %d cut-outs and a picture: %q, %q", n, objects, files, more)
	}
}
