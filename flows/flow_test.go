package flows_test

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/flows"
	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// smallFlow is a conditional RealNVP in evaluation, after some batches in training.
func smallFlow(t *testing.T, d *tensor.Device) *flows.RealNVP {
	t.Helper()
	g := tensor.NewGenerator(3)
	cfg := flows.DefaultConfig(6, 2)
	cfg.Hidden, cfg.Layers = []int{16, 16}, 4
	f, err := flows.NewRealNVP(d, cfg, g)
	if err != nil {
		t.Fatal(err)
	}
	data := g.Normal(d, 40, 6).Scale(3).AddScalar(2)
	err = f.Fit(func(yield func([]float32) bool) {
		for i := range 40 {
			if !yield(data.Values()[6*i : 6*i+6]) {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		f.NLL(data, condition(t, d, 40))
	}
	f.SetTraining(false)
	return f
}

// condition alternates between two classes.
func condition(t *testing.T, d *tensor.Device, n int) *tensor.Tensor {
	t.Helper()
	labels := make([]int, n)
	for i := range labels {
		labels[i] = i % 2
	}
	y, err := flows.OneHot(d, labels, 2)
	if err != nil {
		t.Fatal(err)
	}
	return y
}

func TestSampleTellsItsDensity(t *testing.T) {
	d := openDevice(t, "cpu")
	f := smallFlow(t, d)
	cond := condition(t, d, 20)
	for _, temperature := range []float64{1, 0.5, 0} {
		x, logProb, err := f.Sample(20, cond, temperature, tensor.NewGenerator(5))
		if err != nil {
			t.Fatal(err)
		}
		golden.Near(t, "log-density of samples", logProb.Values(), f.LogProb(x, cond).Values(), 1e-5)
	}
	same, _, _ := f.Sample(20, cond, 0.5, tensor.NewGenerator(5))
	again, _, _ := f.Sample(20, cond, 0.5, tensor.NewGenerator(5))
	golden.Near(t, "samples from the same seed", again.Values(), same.Values(), 0)
	_, cool := moments(same, 0)
	warm, _, _ := f.Sample(20, cond, 1, tensor.NewGenerator(5))
	if _, hot := moments(warm, 0); cool >= hot {
		t.Errorf("variance %v at temperature 0.5, %v at 1", cool, hot)
	}
}

func TestSampleRefuses(t *testing.T) {
	d := openDevice(t, "cpu")
	f := smallFlow(t, d)
	g := tensor.NewGenerator(1)
	sample := func(n int, cond *tensor.Tensor, temperature float64) error {
		x, logProb, err := f.Sample(n, cond, temperature, g)
		if err != nil && (x != nil || logProb != nil) {
			t.Errorf("samples beside the error %v", err)
		}
		return err
	}
	wantField(t, sample(0, nil, 1), "N")
	wantField(t, sample(1<<40, nil, 1), "N")
	wantField(t, sample(4, nil, 1), "Condition")
	wantField(t, sample(4, condition(t, d, 3), 1), "Condition")
	wantError(t, sample(4, condition(t, d, 3), 1), "Condition [3 2]: must have floating-point elements and shape [4 2]")
	wantField(t, sample(4, d.Ints(make([]int32, 8), 4, 2), 1), "Condition")
	wantField(t, sample(4, condition(t, openDevice(t, "cpu"), 4), 1), "Condition")
	wantField(t, sample(4, condition(t, d, 4), -1), "Temperature")
	wantField(t, sample(4, condition(t, d, 4), math.NaN()), "Temperature")
	wantField(t, sample(4, condition(t, d, 4), math.Inf(1)), "Temperature")
	_, _, err := f.Sample(4, condition(t, d, 4), 1, nil)
	wantField(t, err, "Generator")
	f.SetTraining(true)
	err = sample(4, condition(t, d, 4), 1)
	wantError(t, err, "SetTraining(false)")
	if !errors.Is(err, flows.ErrNotInvertible) {
		t.Errorf("error %v, want ErrNotInvertible", err)
	}
}

// TestDensityIntegratesToOne integrates exp(LogProb) over a grid: the density is one of the data as they came, with
// normalisation and all.
func TestDensityIntegratesToOne(t *testing.T) {
	d, g := openDevice(t, "cpu"), tensor.NewGenerator(2)
	cfg := flows.DefaultConfig(2, 0)
	cfg.Hidden, cfg.Layers = []int{8}, 2
	f, err := flows.NewRealNVP(d, cfg, g)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Fit(rowsOf([]float32{-4, 1}, []float32{4, 1.5}, []float32{2, 2})); err != nil {
		t.Fatal(err)
	}
	f.SetTraining(false)
	const n, x0, y0, width, height = 400, -30.0, -4.0, 60.0, 12.0
	points := make([]float32, 0, 2*n*n)
	for i := range n {
		for j := range n {
			points = append(points, float32(x0+width*(float64(i)+0.5)/n), float32(y0+height*(float64(j)+0.5)/n))
		}
	}
	total := 0.0
	for _, logProb := range f.LogProb(d.From(points, n*n, 2), nil).Values() {
		total += math.Exp(float64(logProb)) * width / n * height / n
	}
	if math.Abs(total-1) > 1e-3 {
		t.Errorf("the density integrates to %v", total)
	}
}

func TestSteps(t *testing.T) {
	d, g := openDevice(t, "cpu"), tensor.NewGenerator(2)
	f := smallFlow(t, d)
	x, cond := g.Normal(d, 4, 6), condition(t, d, 4)

	z, logDet := f.Forward(x, cond)
	steps, stepsLogDet := f.ForwardSteps(x, cond)
	if len(steps) != len(f.Layers())+1 {
		t.Fatalf("%d steps of %d layers", len(steps), len(f.Layers()))
	}
	golden.Near(t, "first step", steps[0].Values(), x.Values(), 0)
	golden.Near(t, "last step", steps[len(steps)-1].Values(), z.Values(), 0)
	golden.Near(t, "log-determinant", stepsLogDet.Values(), logDet.Values(), 0)

	back, _ := f.InverseSteps(z, cond)
	for i := range steps { // the way back passes through the same places
		golden.Near(t, "step back", back[len(back)-1-i].Values(), steps[i].Values(), 1e-4)
	}
}

func TestConfig(t *testing.T) {
	cfg := flows.DefaultConfig(256, 2)
	if err := cfg.Validate(); err != nil {
		t.Error(err)
	}
	text, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var again flows.Config
	if err := json.Unmarshal(text, &again); err != nil || !reflect.DeepEqual(again, cfg) {
		t.Errorf("%s became %+v (%v)", text, again, err)
	}
	for field, spoil := range map[string]func(*flows.Config){
		"Dim":          func(c *flows.Config) { c.Dim = 1 },
		"Classes":      func(c *flows.Config) { c.Classes = -1 },
		"Layers":       func(c *flows.Config) { c.Layers = 0 },
		"Hidden":       func(c *flows.Config) { c.Hidden = []int{8, 0} },
		"RepeatHidden": func(c *flows.Config) { c.Hidden = nil },
		"Noise":        func(c *flows.Config) { c.Noise = math.NaN() },
		"Mask":         func(c *flows.Config) { c.Mask = "thirds" },
		"Permutation":  func(c *flows.Config) { c.Permutation = "" },
		"Norm":         func(c *flows.Config) { c.Norm = "layer" },
		"Layers 60000": func(c *flows.Config) { c.Layers = 60000 },
	} {
		c := flows.DefaultConfig(4, 2)
		spoil(&c)
		name, _, _ := strings.Cut(field, " ")
		wantField(t, c.Validate(), name)
		if _, err := flows.NewRealNVP(openDevice(t, "cpu"), c, tensor.NewGenerator(1)); err == nil {
			t.Errorf("built with a wrong %s", field)
		}
	}
}

// TestReferenceSize checks that the default is the reference's flow without what its masks discard.
func TestReferenceSize(t *testing.T) {
	f, err := flows.NewRealNVP(openDevice(t, "cpu"), flows.DefaultConfig(256, 2), tensor.NewGenerator(1))
	if err != nil {
		t.Fatal(err)
	}
	coupling := (2+128)*256 + 256 + 2*(256*256+256) + 256*256 + 256
	if got, want := nn.Count(f), 12*(coupling+2*256); got != want {
		t.Errorf("%d parameters, want %d", got, want)
	}
}

func TestFitNeedsStandardize(t *testing.T) {
	cfg := flows.DefaultConfig(2, 0)
	cfg.Standardize = false
	f, err := flows.NewRealNVP(openDevice(t, "cpu"), cfg, tensor.NewGenerator(1))
	if err != nil {
		t.Fatal(err)
	}
	wantField(t, f.Fit(rowsOf([]float32{1, 2}, []float32{3, 4})), "Standardize")
}
