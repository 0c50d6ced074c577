package caption

import (
	"errors"
	"slices"
	"testing"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/tensor"
)

func TestNew(t *testing.T) {
	b := New([][]int32{{3, 0, 5, 0, 0}, {7}, {0, 0}, nil}, 9)
	if b.N != 4 || b.Len != 3 ||
		!slices.Equal(b.IDs, []int32{3, 0, 5, 7, -1, -1, 9, -1, -1, 9, -1, -1}) ||
		!slices.Equal(b.Keep, []int32{1, 1, 1, 1, 0, 0, 1, 0, 0, 1, 0, 0}) ||
		!slices.Equal(b.Mean[:6], []float32{1. / 3, 1. / 3, 1. / 3, 1, 0, 0}) {
		t.Errorf("%+v", b)
	}
	d := golden.CPU(t)
	if keep := b.KeepWith(d, 2).IntValues(); !slices.Equal(keep[5:10], []int32{1, 0, 0, 1, 1}) {
		t.Errorf("mask %v", keep)
	}
	if New([][]int32{{1, 2}, {3, 4}}, 9).KeepWith(d, 2) != nil {
		t.Error("a mask without padding")
	}
}

func TestSplit(t *testing.T) {
	ids := make([]int32, 3*1000)
	for i := range ids {
		ids[i] = 1
	}
	dropped := 0
	for _, own := range Split(ids, 3, 0.2, tensor.NewGenerator(1)) {
		if own == nil {
			dropped++
		} else if len(own) != 3 {
			t.Fatal(own)
		}
	}
	if dropped < 150 || dropped > 250 {
		t.Errorf("%d of 1,000 captions dropped, want about 200", dropped)
	}
	for _, own := range Split(ids, 3, 0.2, nil) {
		if own == nil {
			t.Fatal("dropped without random numbers")
		}
	}
}

func TestCheck(t *testing.T) {
	var wrong *fault.FieldError
	for _, ids := range [][]int32{{1, 2, 3}, {-1}, {5}} {
		if err := Check(ids, 2, 5); !errors.As(err, &wrong) || wrong.Field != "Text" {
			t.Errorf("%v: %v", ids, err)
		}
	}
	if err := Check([]int32{0, 4}, 2, 5); err != nil {
		t.Error(err)
	}
}
