package main

import (
	"errors"
	"image"
	"io"
	"path/filepath"
	"testing"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/sample/layout"
	"github.com/bestiary-ml/bestiary/ssd"
	"github.com/bestiary-ml/bestiary/tensor"
)

// TestFind opens a detector that was not trained.
func TestFind(t *testing.T) {
	d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	m, err := ssd.New(d, ssd.VOC(ssd.Small, 64, 1), tensor.NewGenerator(1))
	if err != nil {
		t.Fatal(err)
	}
	r, err := run.Create(filepath.Join(t.TempDir(), "ssd"))
	if err != nil {
		t.Fatal(err)
	}
	name := models.SSD.Name
	err = errors.Join(r.SetConfig(name, m.Config()), r.SetOptions(name, sample.DetectorOptions{Classes: []string{"raccoon"}}), r.SaveWeights(name, weights.Of(m), nil))
	if err != nil {
		t.Fatal(err)
	}
	photo := filepath.Join(t.TempDir(), "photo.png")
	if err := layout.SavePNG(photo, image.NewNRGBA(image.Rect(0, 0, 80, 60))); err != nil {
		t.Fatal(err)
	}
	if err := find(io.Discard, r.Dir(), photo); err != nil {
		t.Fatal(err)
	}
	var missing *fault.Missing
	empty, err := run.Create(filepath.Join(t.TempDir(), "empty"))
	if err != nil {
		t.Fatal(err)
	}
	if err := find(io.Discard, empty.Dir(), photo); !errors.As(err, &missing) {
		t.Errorf("a run without a detector: %v", err)
	}
}
