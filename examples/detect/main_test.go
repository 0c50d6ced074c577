package main

import (
	"context"
	"errors"
	"image"
	"io"
	"path/filepath"
	"testing"

	"github.com/bestiary-ml/bestiary/data/boxes"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/sample/layout"
	"github.com/bestiary-ml/bestiary/ssd"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/train"
	"github.com/bestiary-ml/bestiary/train/tasks"
)

// TestFind trains a detector for a step and opens it.
func TestFind(t *testing.T) {
	run, photo := filepath.Join(t.TempDir(), "ssd"), filepath.Join(t.TempDir(), "photo.png")
	detector(t, run)
	if err := layout.SavePNG(photo, image.NewNRGBA(image.Rect(0, 0, 80, 60))); err != nil {
		t.Fatal(err)
	}
	if err := find(io.Discard, run, photo); err != nil {
		t.Fatal(err)
	}
	var damaged *fault.DamagedFile
	if err := find(io.Discard, run, filepath.Join(run, "config.json")); !errors.As(err, &damaged) {
		t.Errorf("a file that is no picture: %v", err)
	}
}

// detector trains a small detector on drawn scenes for a step.
func detector(t *testing.T, run string) {
	t.Helper()
	d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	scenes, err := boxes.Open(boxes.ScenesPath(1, 4), boxes.Options{})
	if err != nil {
		t.Fatal(err)
	}
	how := tasks.DefaultSSD(ssd.Small, 32)
	how.Model.Classes = len(scenes.Classes)
	c := train.DefaultConfig()
	c.Steps, c.Batch = 1, 2
	_, task, err := tasks.SSD(d, how.Model, how.Data, scenes, nil, tasks.Options{Batch: c.Batch})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := train.Run(context.Background(), run, *task, c, train.Options{}); err != nil {
		t.Fatal(err)
	}
}
