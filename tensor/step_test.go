package tensor

import (
	"slices"
	"testing"
)

func TestTensorsEndWithTheirStep(t *testing.T) {
	d := float64Device(t)
	x := d.From([]float32{1, 2, 3}).SetRequiresGrad(true)
	s := d.Record()
	y := x.Scale(2)
	kept, keptInts := y.Keep(), d.Ints([]int32{4, 5}).Keep()
	s.End()
	mustPanic(t, func() { y.Values() })
	mustPanic(t, func() { y.Add(x) })
	mustPanic(t, func() { x.Add(y) })
	mustPanic(t, func() { y.Keep() })
	mustPanic(t, s.End)

	for range 3 { // overwrite what was recycled
		s := d.Scratch()
		d.Full(9, 3)
		d.Ints([]int32{9, 9})
		s.End()
	}
	if got := kept.Values(); !slices.Equal(got, []float32{2, 4, 6}) {
		t.Errorf("kept %v", got)
	}
	if got := keptInts.IntValues(); !slices.Equal(got, []int32{4, 5}) {
		t.Errorf("kept %v", got)
	}
	if kept.RequiresGrad() {
		t.Error("what is kept must not require a gradient")
	}
}

func TestNestedSteps(t *testing.T) {
	d := float64Device(t)
	x := d.From([]float32{1, 2, 3}).SetRequiresGrad(true)
	outer := d.Record()
	h := x.Square()
	scratch := d.Scratch()
	aside := h.Scale(5)
	if aside.RequiresGrad() {
		t.Error("a scratch step records")
	}
	mustPanic(t, func() { aside.Sum().Backward() })
	scratch.End()

	inner := d.Record() // a step of its own, down to the outer one's tensor and no further
	mustPanic(t, func() { h.Sum().Detach().Backward() })
	h.Scale(3).Sum().Backward()
	if x.Grad() != nil {
		t.Error("the inner step has gone through the outer one's tape")
	}
	mustPanic(t, func() { h.BackwardFrom(d.Full(1, 3)) })
	inner.End()

	h.Sum().Backward()
	if got := x.Grad().Values(); !slices.Equal(got, []float32{8, 16, 24}) {
		t.Errorf("gradient %v, want that of 3h + h", got)
	}
	outer.End()
	if d.step != nil {
		t.Error("a step is open")
	}
}

func TestBackwardNeedsARecord(t *testing.T) {
	d := float64Device(t)
	x := d.From([]float32{1, 2, 3}).SetRequiresGrad(true)
	mustPanic(t, func() { x.Sum().Backward() }) // outside of steps
	for name, open := range map[string]func() *Step{"record": d.Record, "scratch": d.Scratch} {
		s := open()
		constant := d.From([]float32{1, 2}).Sum()
		mustPanic(t, constant.Backward)
		mustPanic(t, func() { x.Square().Backward() }) // not a single number
		if name == "scratch" {
			mustPanic(t, func() { x.Square().Sum().Backward() })
		} else {
			mustPanic(t, func() { x.Square().BackwardFrom(d.Zeros(2)) })
		}
		s.End()
	}
	if x.Grad() != nil {
		t.Error("a refused Backward left a gradient")
	}
}

func TestDetach(t *testing.T) {
	d := float64Device(t)
	x := d.From([]float32{1, 2, 3}).SetRequiresGrad(true)
	s := d.Record()
	defer s.End()
	h := x.Square()
	if h.Detach().RequiresGrad() {
		t.Error("a detached tensor requires a gradient")
	}
	h.Detach().Mul(h).Sum().Backward()
	if got := x.Grad().Values(); !slices.Equal(got, []float32{2, 16, 54}) { // x²·2x
		t.Errorf("gradient %v", got)
	}
	x.ZeroGrad()
	x.SetRequiresGrad(false)
	if x.Square().RequiresGrad() {
		t.Error("switched off, but recorded")
	}
}

func TestManyTensorsInAStep(t *testing.T) {
	d := float64Device(t)
	x := d.From([]float32{0}).SetRequiresGrad(true)
	for range 2 {
		s := d.Record()
		y := x
		for range 5 * slabSize {
			y = y.AddScalar(1)
		}
		if got := y.Item(); got != 5*slabSize {
			t.Errorf("%g additions, want %d", got, 5*slabSize)
		}
		y.Backward()
		s.End()
	}
	if got := x.Grad().Item(); got != 2 {
		t.Errorf("gradient %g, want 2", got)
	}
}
