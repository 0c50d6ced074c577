package vqgan

import (
	"math"
	"slices"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/tensor"
)

func TestAugmentationFollowsTheTarget(t *testing.T) {
	var a Augmentation
	sure, doubtful := []float32{3, 1, 0.5, 2}, []float32{1, -1, 2, 0}
	for range 4 * 25 {
		a.Update(sure, 1000, 0.6)
	}
	if math.Abs(a.P-1) > 1e-9 {
		t.Errorf("P is %v after 100,000 pictures that it is sure of, want 1", a.P)
	}
	a.Update(sure, 1000, 0.6)
	if a.P != 1 || a.Batches != 1 || a.Signs != 1 {
		t.Errorf("%+v after one batch", a)
	}
	for range 3 {
		a.Update(doubtful, 1000, 0.6)
	}
	if math.Abs(a.P-0.96) > 1e-9 || a.Batches != 0 {
		t.Errorf("%+v, want P 0.96", a)
	}
	for range 1000 {
		a.Update(doubtful, 1000, 0.6)
	}
	if a.P != 0 {
		t.Errorf("P is %v, want 0", a.P)
	}
}

// TestVariations checks that each place of a picture comes from the place that the changes say.
func TestVariations(t *testing.T) {
	const size = 4
	whole := func(v variation) (all []int) {
		for i := range size * size {
			all = append(all, v.source(i/size, i%size, size))
		}
		return all
	}
	identity := whole(variation{})
	for i, from := range identity {
		if i != from {
			t.Fatal("no change moves pixels")
		}
	}
	if got, want := whole(variation{mirror: true})[:4], []int{3, 2, 1, 0}; !slices.Equal(got, want) {
		t.Errorf("the first row of the mirror image is %d, want %d", got, want)
	}
	if got, want := whole(variation{turns: 1})[:4], []int{3, 7, 11, 15}; !slices.Equal(got, want) {
		t.Errorf("the first row of a turned picture is %d, want %d: the last column", got, want)
	}
	if got, want := whole(variation{down: 1, right: -1})[:8], []int{1, 2, 3, 3, 1, 2, 3, 3}; !slices.Equal(got, want) {
		t.Errorf("the first rows of a moved picture are %d, want %d", got, want)
	}
	for _, v := range []variation{{turns: 2}, {turns: 3, mirror: true}} {
		if all := whole(v); len(slices.Compact(slices.Sorted(slices.Values(all)))) != size*size {
			t.Errorf("%+v is no permutation: %d", v, all)
		}
	}
}

func TestApply(t *testing.T) {
	d := exact(t)
	x := waves(d, 64, 8, 3)
	if a := (&Augmentation{}); a.Apply(x, tensor.NewGenerator(1)) != x {
		t.Error("without a probability, pictures change")
	}
	half := &Augmentation{P: 0.3}
	y := half.Apply(x, tensor.NewGenerator(1))
	if !slices.Equal(y.Shape(), x.Shape()) || !slices.Equal(y.Values(), half.Apply(x, tensor.NewGenerator(1)).Values()) {
		t.Error("the same generator gives other changes")
	}
	one, same := 8*8*3, 0
	for i := range 64 {
		if slices.Equal(x.Values()[i*one:(i+1)*one], y.Values()[i*one:(i+1)*one]) {
			same++
		}
	}
	if want := 64 * math.Pow(0.7, 3) * math.Pow(0.85, 1) * math.Pow(0.775, 1); math.Abs(float64(same)-want) > 12 {
		t.Errorf("%d of 64 pictures are unchanged, want about %.0f", same, want)
	}

	// The gradient of Σ w·y with respect to x is that of a linear map.
	whole := &Augmentation{P: 1}
	w := waves(d, 64, 8, 3).Scale(0.5)
	leaf := x.Keep().SetRequiresGrad(true)
	s := d.Record()
	defer s.End()
	whole.Apply(leaf, tensor.NewGenerator(2)).Mul(w).Sum().Reshape(1).Backward()
	step := leaf.Grad()
	moved := whole.Apply(x.Add(step), tensor.NewGenerator(2)).Sub(whole.Apply(x, tensor.NewGenerator(2))).Mul(w).Sum()
	golden.Near(t, "directional derivative", moved.Reshape(1).Values(), step.Square().Sum().Reshape(1).Values(), 1e-6)
}
