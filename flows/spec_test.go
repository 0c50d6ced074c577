package flows_test

import (
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/flows"
	"github.com/bestiary-ml/bestiary/flows/flowtest"
	"github.com/bestiary-ml/bestiary/tensor"
)

// presets are all architectures by name.
var presets = map[string]func(columns, condition int) flows.Spec{
	"realnvp": flows.RealNVPSpec, "nsf": flows.NSF, "maf": flows.MAF, "iaf": flows.IAF,
}

// small makes a spec's networks small, for tests.
func small(s flows.Spec) flows.Spec {
	s.Layers = s.Layers[:min(len(s.Layers), 7)]
	for i := range s.Layers {
		if len(s.Layers[i].Hidden) > 0 {
			s.Layers[i].Hidden = []int{7}
		}
	}
	return s
}

// TestPresets runs the suite of bijections on each architecture.
func TestPresets(t *testing.T) {
	for name, preset := range presets {
		t.Run(name, func(t *testing.T) {
			flowtest.Run(t, flowtest.Case{Dim: 4, Condition: 2, New: func(d *tensor.Device, g *tensor.Generator) flows.Bijection {
				f, err := flows.New(d, small(preset(4, 2)), g)
				if err != nil {
					t.Fatal(err)
				}
				return f
			}})
		})
	}
}

// TestSpecJSON checks that a spec, bounds included, survives a file.
func TestSpecJSON(t *testing.T) {
	s := flows.NSF(3, 1)
	s.Layers = append([]flows.LayerSpec{{Kind: "bounded", Intervals: [][2]flows.Number{
		{0, 1}, {flows.Number(math.Inf(-1)), 2}, {3, flows.Number(math.Inf(1))},
	}}}, s.Layers...)
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var again flows.Spec
	if err := json.Unmarshal(text, &again); err != nil {
		t.Fatal(err)
	}
	d, g := device(t), tensor.NewGenerator(1)
	f, err := flows.New(d, s, g)
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := flows.New(d, again, g)
	if err != nil {
		t.Fatal(err)
	}
	if f.String() != loaded.String() || !reflect.DeepEqual(s.Layers[1:], again.Layers[1:]) {
		t.Errorf("%s\nbecomes\n%s", f, loaded)
	}
}

// TestSpecRefuses checks that each mistake gets a sentence that names the layer.
func TestSpecRefuses(t *testing.T) {
	for want, change := range map[string]func(s *flows.Spec){
		"Columns":                 func(s *flows.Spec) { s.Columns = 0 },
		"Condition":               func(s *flows.Spec) { s.Condition = -1 },
		"layer 2: the kind":       func(s *flows.Spec) { s.Layers[2].Kind = "coupler" },
		"layer 2: the map":        func(s *flows.Spec) { s.Layers[2].Map = "linear" },
		"layer 1: this kind":      func(s *flows.Spec) { s.Layers[1].Hidden = []int{3} },
		"layer 2: bins is":        func(s *flows.Spec) { s.Layers[2].Bins = 5000 },
		"layer 2: bound is":       func(s *flows.Spec) { s.Layers[2].Bound = math.NaN() },
		"layer 2: hidden is":      func(s *flows.Spec) { s.Layers[2].Hidden = []int{8, 0} },
		"layer 2: the mask":       func(s *flows.Spec) { s.Layers[2].Mask = "third" },
		"layer 1: reflections is": func(s *flows.Spec) { s.Layers[1].Reflections = 2 },
		"layer 0: there are":      func(s *flows.Spec) { s.Layers[0].Intervals = make([][2]flows.Number, 2) },
		"layer 2: a coupling":     func(s *flows.Spec) { s.Columns = 1 },
		"Base":                    func(s *flows.Spec) { s.Base.Kind = "" },
		"million parameters":      func(s *flows.Spec) { s.Layers[2].Hidden = []int{60000, 60000} },
	} {
		s := flows.NSF(3, 1)
		change(&s)
		if _, err := flows.New(device(t), s, tensor.NewGenerator(1)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: the error is %v", want, err)
		}
	}
}

// TestBases checks that densities integrate to 1 on a grid, and that samples have the density's mean.
func TestBases(t *testing.T) {
	d, g := device(t), tensor.NewGenerator(3)
	diagonal := flows.NewDiagonal(d, 2, 0)
	diagonal.Mean.Set([]float32{0.5, -1})
	diagonal.LogStd.Set([]float32{-0.5, 0.3})
	for _, b := range []flows.Base{flows.Normal{Dim: 2}, diagonal, flows.NewMixture(d, 2, 3, g), flows.Box{Dim: 2, Low: -2, High: 3}} {
		const n, from, to = 400, -8.0, 8.0
		cell := (to - from) / n
		var grid []float32
		for i := range n {
			for j := range n {
				grid = append(grid, float32(from+(float64(i)+0.5)*cell), float32(from+(float64(j)+0.5)*cell))
			}
		}
		total, mean := 0.0, [2]float64{}
		for i, l := range b.LogProb(d.From(grid, n*n, 2), nil).Values() {
			p := math.Exp(float64(l)) * cell * cell
			total += p
			mean[0] += p * float64(grid[2*i])
			mean[1] += p * float64(grid[2*i+1])
		}
		if math.Abs(total-1) > 0.01 {
			t.Errorf("%v integrates to %.4f", b, total)
		}
		sampled := b.Sample(d, 20000, nil, 1, g).Mean(0).Values()
		for j, m := range sampled {
			if math.Abs(float64(m)-mean[j]) > 0.05 {
				t.Errorf("%v: samples have mean %v, the density has %v", b, sampled, mean)
			}
		}
	}
}

// TestEntropy compares estimates with the exact values of normal distributions.
func TestEntropy(t *testing.T) {
	d, g := device(t), tensor.NewGenerator(4)
	f := flows.NewFlow(d, 2, 0)
	p, err := f.Given()
	if err != nil {
		t.Fatal(err)
	}
	wide := flows.NewFlow(d, 2, 0)
	base := flows.NewDiagonal(d, 2, 0)
	base.LogStd.Set([]float32{1, 1})
	wide.Base = base
	q, _ := wide.Given()
	entropy, err := p.Entropy(50000, g)
	if want := math.Log(2*math.Pi) + 1; err != nil || math.Abs(entropy.Mean-want) > 4*entropy.StandardError {
		t.Errorf("entropy %v, %v, want %.4f", entropy, err, want)
	}
	kl, err := p.KL(q, 50000, g)
	if want := 2*1 + (math.Exp(-2) - 1); err != nil || math.Abs(kl.Mean-want) > 4*kl.StandardError {
		t.Errorf("divergence %v, %v, want %.4f", kl, err, want)
	}
	if _, err := p.Entropy(1, g); err == nil {
		t.Error("one sample has no standard error")
	}
	if _, err := f.Given(1); err == nil {
		t.Error("a condition is accepted that the flow doesn't have")
	}
}

func device(t *testing.T) *tensor.Device { return openDevice(t, "cpu") }
