package tasks

import (
	"errors"
	"slices"
	"testing"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/fault"
)

func TestHoldOut(t *testing.T) {
	all := animals(t, 400)
	training, heldOut := HoldOut(all, 0.2)
	if training.Len()+heldOut.Len() != all.Len() || heldOut.Len() < 50 || heldOut.Len() > 110 {
		t.Errorf("%d + %d out of %d pictures, want about a fifth held out", training.Len(), heldOut.Len(), all.Len())
	}
	_, fewer := HoldOut(all.Where(func(i int) bool { return i%3 != 0 }), 0.2)
	for _, name := range fewer.Names {
		if !slices.Contains(heldOut.Names, name) {
			t.Errorf("%s is held out only if other pictures are missing", name)
		}
	}
	_, more := HoldOut(all, 0.5)
	for _, name := range heldOut.Names {
		if !slices.Contains(more.Names, name) {
			t.Errorf("%s is held out by a small share and not by a large one", name)
		}
	}
	for n, want := range map[int]map[float64][2]int{
		1: {0: {1, 0}, 0.1: {1, 0}, 0.9: {1, 0}},
		2: {0: {2, 0}, 1e-9: {1, 1}, 0.999: {1, 1}},
		9: {0: {9, 0}, 1e-9: {8, 1}, 0.999: {1, 8}},
	} {
		some := all.Where(func(i int) bool { return i < n })
		for share, want := range want {
			if training, heldOut := HoldOut(some, share); training.Len() != want[0] || heldOut.Len() != want[1] {
				t.Errorf("a share of %v of %d pictures leaves %d and holds out %d, want %d", share, n, training.Len(), heldOut.Len(), want)
			}
		}
	}
	if training, heldOut := HoldOut(all, 0); training.Len() != all.Len() || heldOut.Len() != 0 {
		t.Errorf("a share of 0 holds out %d pictures", heldOut.Len())
	}
}

// TestPicturesMustFit checks that pictures that a model can't take are errors.
func TestPicturesMustFit(t *testing.T) {
	d, training := open(t), animals(t, 20)
	larger := sizes
	larger.ImageSize = 64
	for name, set := range map[string]*data.Dataset{"none": nil, "empty": training.Where(func(int) bool { return false }), "too small": training} {
		_, _, err := Autoencoder(d, larger, data.Description{}, set, nil, Options{Batch: 4})
		var wrong *fault.FieldError
		if !errors.As(err, &wrong) || wrong.Field != "Data" {
			t.Errorf("%s: got %v, want an error of Data", name, err)
		}
	}
	if _, _, err := Autoencoder(d, sizes, data.Description{}, training, nil, Options{}); err == nil {
		t.Error("a batch of 0 is possible")
	}
}
