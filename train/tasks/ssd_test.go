package tasks

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/data/boxes"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/ssd"
	"github.com/bestiary-ml/bestiary/train"
	"github.com/google/go-cmp/cmp"
)

func scenes(t *testing.T, n int) (training, heldOut *boxes.Set) {
	t.Helper()
	s, err := boxes.Open(boxes.ScenesPath(3, n), boxes.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return HoldOutBoxes(s, 0.2)
}

// TestSSDResumes compares an interrupted training with SGD with one that went through.
func TestSSDResumes(t *testing.T) {
	d := open(t)
	training, heldOut := scenes(t, 16)
	defaults := DefaultSSD(ssd.Small, 32)
	defaults.Model.Classes = len(training.Classes)
	c := train.DefaultConfig()
	c.Steps, c.Batch, c.Seed, c.EvalEvery, c.SampleEvery, c.EMA = 9, 4, 4, 3, 5, 0.9
	c.Optimizer, c.Nesterov, c.WeightDecay, c.BiasRate, c.Schedule, c.Milestones, c.Clip = "sgd", true, 5e-4, 2, "multistep", []int{5, 7}, 20
	trained := trainedBy(func() (nn.Module, *train.Task[BoxBatch], error) {
		return SSD(d, defaults.Model, defaults.Data, training, heldOut, Options{Batch: c.Batch, Seed: c.Seed})
	})
	whole := trained(t, filepath.Join(t.TempDir(), "whole"), c, 0)
	broken := filepath.Join(t.TempDir(), "broken")
	trained(t, broken, c, 4)
	alike(t, whole, trained(t, broken, c, 0))
	p, err := sample.OpenDetector(context.Background(), broken, d)
	if err != nil || len(p.Classes()) != len(training.Classes) || p.Size() != 32 {
		t.Errorf("opened %v, %v", p, err)
	}
	if samples, _ := filepath.Glob(filepath.Join(broken, "samples", "*.png")); len(samples) == 0 {
		t.Error("no samples")
	}
}

// TestSSDRefuses checks errors for pictures that can't be trained on.
func TestSSDRefuses(t *testing.T) {
	d := open(t)
	training, heldOut := scenes(t, 8)
	defaults := DefaultSSD(ssd.Small, 32)
	defaults.Model.Classes = len(training.Classes)
	none := *training
	none.Pictures = nil
	bare := *training
	bare.Pictures = []boxes.Picture{training.Pictures[0]}
	bare.Pictures[0].Objects = nil
	other := defaults.Model
	other.Classes = 9
	odd := defaults.Data
	odd.Augment.Mirror = 2
	for want, build := range map[string]func() error{
		"no pictures": func() error {
			_, _, err := SSD(d, defaults.Model, defaults.Data, &none, nil, Options{Batch: 1})
			return err
		},
		"has a box": func() error {
			_, _, err := SSD(d, defaults.Model, defaults.Data, &bare, nil, Options{Batch: 1})
			return err
		},
		"Classes 9": func() error {
			_, _, err := SSD(d, other, defaults.Data, training, heldOut, Options{Batch: 1})
			return err
		},
		"Batch 0": func() error {
			_, _, err := SSD(d, defaults.Model, defaults.Data, training, heldOut, Options{})
			return err
		},
		"Mirror 2": func() error {
			_, _, err := SSD(d, defaults.Model, odd, training, heldOut, Options{Batch: 1})
			return err
		},
		"nil": func() error {
			_, _, err := SSD(nil, defaults.Model, defaults.Data, training, nil, Options{Batch: 1})
			return err
		},
	} {
		var wrong *fault.FieldError
		if err := build(); !errors.As(err, &wrong) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// TestBoxSource checks that pictures without objects are in a batch, that boxes are within their picture, and that a source that
// continues yields the same.
func TestBoxSource(t *testing.T) {
	training, _ := scenes(t, 10)
	training.Pictures[0].Objects = nil
	make := func() *boxSource {
		s, err := newBoxSource(training, 48, len(training.Pictures), boxes.DefaultSSD(), 7, newPictureCache())
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := make()
	if _, err := s.Next(); err != nil {
		t.Fatal(err)
	}
	at, err := s.State()
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.Next()
	if err != nil {
		t.Fatal(err)
	}
	empty := false
	for k, own := range b.Objects {
		empty = empty || b.Indices[k] == 0 && len(own) == 0
		for _, o := range own {
			if o.Box.Clip(48, 48) != o.Box || o.Box.Empty() {
				t.Errorf("box %v", o.Box)
			}
		}
	}
	if !empty {
		t.Error("the picture without objects is missing")
	}
	pixels := append([]float32(nil), b.Pixels...)
	again := make()
	if err := again.SetState(at); err != nil {
		t.Fatal(err)
	}
	c, err := again.Next()
	if err != nil || !cmp.Equal(pixels, c.Pixels) || !cmp.Equal(b.Objects, c.Objects) {
		t.Errorf("the source continues with another batch, %v", err)
	}
	training.Pictures[1].Objects = nil
	if err := make().SetState(at); err == nil {
		t.Error("the position in other boxes is accepted")
	}
}

// TestDecodableBoxes leaves out a damaged picture.
func TestDecodableBoxes(t *testing.T) {
	s, _ := scenes(t, 4)
	path := filepath.Join(t.TempDir(), "damaged.png")
	if err := os.WriteFile(path, []byte("no picture"), 0o666); err != nil {
		t.Fatal(err)
	}
	broken := *s
	broken.Pictures = append([]boxes.Picture{{Name: "damaged.png", Path: path, Width: 3, Height: 3}}, s.Pictures...)
	kept, damaged, err := DecodableBoxes(context.Background(), &broken, nil)
	if err != nil || len(kept.Pictures) != len(s.Pictures) || len(damaged) != 1 || !strings.Contains(damaged[0].Error(), "damaged.png") {
		t.Errorf("%d pictures, %v, %v", len(kept.Pictures), damaged, err)
	}
}
