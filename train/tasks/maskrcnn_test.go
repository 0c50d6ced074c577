package tasks

import (
	"context"
	"errors"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/data/boxes"
	"github.com/bestiary-ml/bestiary/data/mask"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/maskrcnn"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/train"
	"github.com/google/go-cmp/cmp"
)

// maskedScenes returns drawn scenes with masks, and settings of a small model for them.
func maskedScenes(t *testing.T, n int) (training, heldOut *boxes.Set, d MaskRCNNDefaults) {
	t.Helper()
	s, err := boxes.Open(boxes.ScenesPath(3, n), boxes.Options{Masks: true})
	if err != nil {
		t.Fatal(err)
	}
	training, heldOut = HoldOutBoxes(s, 0.2)
	d = DefaultMaskRCNN("mobilenet_v2", false)
	c := &d.Model
	c.Classes, c.MinSide, c.MaxSide, c.Width, c.HeadWidth, c.MaskWidth = len(s.Classes), 64, 96, 16, 16, 8
	c.Proposals.TrainBefore, c.Proposals.TrainAfter, c.Proposals.Before, c.Proposals.After, c.Boxes.Sampled = 40, 40, 20, 20, 16
	return training, heldOut, d
}

// TestMaskRCNNResumes compares an interrupted training with one that went through, and opens the run.
func TestMaskRCNNResumes(t *testing.T) {
	d := open(t)
	training, heldOut, defaults := maskedScenes(t, 8)
	c := defaults.Training
	c.Steps, c.Batch, c.Seed, c.Warmup, c.EvalEvery, c.SampleEvery, c.EMA = 3, 2, 4, 1, 2, 3, 0.9
	trained := trainedBy(func() (nn.Module, *train.Task[MaskBatch], error) {
		return MaskRCNN(d, defaults.Model, defaults.Data, training, heldOut, Options{Batch: c.Batch, Seed: c.Seed})
	})
	whole := trained(t, filepath.Join(t.TempDir(), "whole"), c, 0)
	broken := filepath.Join(t.TempDir(), "broken")
	trained(t, broken, c, 2)
	if !reflect.DeepEqual(whole, trained(t, broken, c, 0)) {
		t.Error("a resumed training has other weights")
	}
	p, err := sample.OpenDetector(context.Background(), broken, d)
	if err != nil || len(p.Classes()) != len(training.Classes) || p.Size() != 64 || !p.Masks() {
		t.Fatalf("opened %v, %v", p, err)
	}
	if how, there := p.Dataset(); !there || !how.Masks || !how.Options(nil).Masks {
		t.Errorf("%+v", how)
	}
	if samples, _ := filepath.Glob(filepath.Join(broken, "samples", "*.png")); len(samples) == 0 {
		t.Error("no samples")
	}
	r, err := run.Open(broken)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := r.Metrics(models.MaskRCNN.Name)
	if err != nil {
		t.Fatal(err)
	}
	last := lines[len(lines)-1].Values
	for _, name := range append([]string{"loss", "map50", "mask_map50"}, lossNames...) {
		if _, there := last["held_out."+name]; !there {
			t.Errorf("no held_out.%s in %v", name, last)
		}
	}
}

// TestMaskSource checks that the shares of two ranks are the two parts of a batch, with the padding of the whole, and that masks lie
// within boxes.
func TestMaskSource(t *testing.T) {
	training, _, defaults := maskedScenes(t, 8)
	training.Pictures[0].Objects = nil
	m, err := maskrcnn.New(open(t), defaults.Model, tensor.NewGenerator(1))
	if err != nil {
		t.Fatal(err)
	}
	const n = 6
	next := func(rank, size int) MaskBatch {
		t.Helper()
		s, err := newMaskSource(training, m, n, boxes.DefaultSSD(), 7, newPictureCache())
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Share(rank, size); err != nil {
			t.Fatal(err)
		}
		b, err := s.Next()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	whole := next(0, 1)
	var joined MaskBatch
	for rank := range 2 {
		b := next(rank, 2)
		joined.Pixels, joined.Sides, joined.Sizes = append(joined.Pixels, b.Pixels...), b.Sides, append(joined.Sizes, b.Sizes...)
		joined.Targets, joined.Indices = append(joined.Targets, b.Targets...), append(joined.Indices, b.Indices...)
	}
	if diff := cmp.Diff(whole, joined, cmp.Comparer(func(a, b mask.RLE) bool { return a.String() == b.String() })); diff != "" {
		t.Errorf("the shares are not those of the batch:\n%.2000s", diff)
	}
	objects, portrait := 0, false
	for i, own := range whole.Targets {
		size := whole.Sizes[i]
		portrait = portrait || size != whole.Sizes[0]
		for _, o := range own {
			objects++
			x0, y0, x1, y1 := o.Mask.Bounds()
			if o.Box.Clip(float64(size.Width), float64(size.Height)) != o.Box || float64(x0) < o.Box.X0-2 || float64(y0) < o.Box.Y0-2 || float64(x1) > o.Box.X1+2 || float64(y1) > o.Box.Y1+2 {
				t.Errorf("the box %v has a mask from %d, %d to %d, %d", o.Box, x0, y0, x1, y1)
			}
		}
	}
	if objects == 0 || !portrait || whole.Sides.Height%32 != 0 || whole.Sides.Width%32 != 0 {
		t.Errorf("%d objects, sizes %v in %v", objects, whole.Sizes, whole.Sides)
	}
}

// TestMaskFingerprint tells data sets apart that differ in a mask only.
func TestMaskFingerprint(t *testing.T) {
	training, _, _ := maskedScenes(t, 4)
	bare, err := boxes.Open(boxes.ScenesPath(3, 4), boxes.Options{})
	if err != nil {
		t.Fatal(err)
	}
	one, _ := HoldOutBoxes(bare, 0.2)
	before := FingerprintBoxes(training)
	if before == FingerprintBoxes(one) {
		t.Error("masks make no difference")
	}
	p := &training.Pictures[0]
	p.Objects[0].Mask = mask.Rectangle(1, 1, 9, 9)
	if FingerprintBoxes(training) == before {
		t.Error("another mask makes no difference")
	}
}

// TestMaskRCNNRefuses checks errors for pictures that can't be trained on.
func TestMaskRCNNRefuses(t *testing.T) {
	d := open(t)
	training, heldOut, defaults := maskedScenes(t, 4)
	none, bare, unmasked := *training, *training, *training
	none.Pictures = nil
	bare.Pictures = []boxes.Picture{training.Pictures[0]}
	bare.Pictures[0].Objects = nil
	unmasked.Pictures = []boxes.Picture{training.Pictures[0]}
	unmasked.Pictures[0].Objects = []boxes.Object{{Box: boxes.FromSize(1, 1, 9, 9)}}
	other := defaults.Model
	other.Classes = 9
	for want, build := range map[string]func() error{
		"no pictures": func() error {
			_, _, err := MaskRCNN(d, defaults.Model, defaults.Data, &none, nil, Options{Batch: 1})
			return err
		},
		"has an object": func() error {
			_, _, err := MaskRCNN(d, defaults.Model, defaults.Data, &bare, nil, Options{Batch: 1})
			return err
		},
		"without a mask": func() error {
			_, _, err := MaskRCNN(d, defaults.Model, defaults.Data, &unmasked, nil, Options{Batch: 1})
			return err
		},
		"Classes 9": func() error {
			_, _, err := MaskRCNN(d, other, defaults.Data, training, heldOut, Options{Batch: 1})
			return err
		},
		"Batch 0": func() error {
			_, _, err := MaskRCNN(d, defaults.Model, defaults.Data, training, heldOut, Options{})
			return err
		},
	} {
		var wrong *fault.FieldError
		if err := build(); !errors.As(err, &wrong) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
