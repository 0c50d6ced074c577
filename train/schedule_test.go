package train

import (
	"math"
	"testing"

	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

func TestSchedules(t *testing.T) {
	for name, c := range map[string]struct {
		schedule Schedule
		want     map[int]float64
	}{
		"constant":          {Constant(), map[int]float64{1: 1, 1000: 1}},
		"cosine":            {Cosine(100, 0.1), map[int]float64{1: 1, 51: 0.55, 101: 0.1, 5000: 0.1}},
		"exponential":       {Exponential(0.5, 10), map[int]float64{1: 1, 10: 1, 11: 0.5, 21: 0.25}},
		"warm-up":           {Warmup(4, Cosine(100, 0)), map[int]float64{1: 0.25, 4: 1, 5: 1, 55: 0.5, 105: 0}},
		"cosine of a step":  {Cosine(1, 0), map[int]float64{1: 1}},
		"warm-up, constant": {Warmup(2, Constant()), map[int]float64{1: 0.5, 2: 1, 3: 1}},
	} {
		for step, want := range c.want {
			if got := c.schedule(step); math.Abs(got-want) > 1e-12 {
				t.Errorf("%s: step %d: got %v, want %v", name, step, got, want)
			}
		}
	}
}

func TestPlateau(t *testing.T) {
	p := Plateau{Factor: 0.1, Patience: 2, Scale: 1}
	for i, e := range []struct{ loss, scale float64 }{
		{3, 1}, {2, 1}, {2, 1}, {math.NaN(), 0.1}, {2.5, 0.1}, {1, 0.1}, {1, 0.1}, {1, 0.01},
	} {
		if p.Update(e.loss, i+1); math.Abs(p.Scale-e.scale) > 1e-12 {
			t.Errorf("evaluation %d: scale %v, want %v", i+1, p.Scale, e.scale)
		}
	}
	if p.Best.Loss != 1 || p.Best.Step != 6 {
		t.Error(p.Best)
	}
}

func TestBestTakesNoNaN(t *testing.T) {
	var b Best
	if b.Update(math.NaN(), 1) || b.Step != 0 || b.Since != 1 || !b.Update(5, 2) || b.Update(5, 3) {
		t.Error(b)
	}
}

func TestAverage(t *testing.T) {
	d := open(t, "portable")
	m := nn.NewBatchNorm(d, 2, tensor.Activation{})
	a := NewAverage(m, 0.5)
	want := 1.0
	for n := 1.0; n <= 6; n++ {
		m.Weight.Set([]float32{5, 5})
		a.Update()
		want += (1 - min(0.5, (1+n)/(10+n))) * (5 - want)
	}
	a.Swap()
	if got := float64(m.Weight.Values()[1]); math.Abs(got-want) > 1e-5 {
		t.Errorf("average %v, want %v", got, want)
	}
	a.Swap()
	if got := m.Weight.Values()[1]; got != 5 {
		t.Errorf("swapped back: %v, want 5", got)
	}
	if got := m.RunningVar.Values()[0]; got != 1 {
		t.Errorf("a buffer that doesn't move averages to %v, want 1", got)
	}
}

// TestSchedulesOfNothing checks that lengths of 0 are harmless.
func TestSchedulesOfNothing(t *testing.T) {
	for name, s := range map[string]Schedule{"cosine": Cosine(0, 0.5), "exponential": Exponential(0.5, 0), "warmup": Warmup(0, Constant())} {
		for step := 1; step < 4; step++ {
			if v := s(step); !(v > 0 && v <= 1) {
				t.Errorf("%s: factor %v at step %d", name, v, step)
			}
		}
	}
}
