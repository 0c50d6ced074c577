package classifier

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

func small(size int) Config {
	return Config{ImageSize: size, Channels: 3, Classes: []string{"a", "b", "c"}, Widths: []int{4, 6, 8}, Blocks: 2, Smoothing: 0.1}
}

// TestGolden compares features, losses and gradients with the same network in PyTorch (testdata/make_golden.py).
func TestGolden(t *testing.T) {
	f := golden.Read(t, "testdata/classifier.safetensors")
	golden.KernelSets(t, func(t *testing.T, d *tensor.Device) {
		m, err := New(d, small(64), tensor.NewGenerator(1))
		if err != nil {
			t.Fatal(err)
		}
		if err := weights.Load(m, f, "weights."); err != nil {
			t.Fatal(err)
		}
		x := golden.Tensor(t, d, f, "x")
		m.SetTraining(false)
		features := m.Features(x)
		golden.Near(t, "features", features.Values(), golden.Floats(t, f, "features"), 1e-5)
		golden.Near(t, "logits", m.Logits(features).Values(), golden.Floats(t, f, "logits"), 1e-5)
		m.SetTraining(true)
		targets := make([]float32, 9)
		for i, label := range golden.Ints(t, f, "labels") {
			targets[3*i+int(label)] = 1
		}
		s := d.Record()
		defer s.End()
		loss, _ := m.Loss(x, d.From(targets, 3, 3))
		golden.Near(t, "loss", loss.Values(), golden.Floats(t, f, "loss"), 1e-5)
		loss.Backward()
		golden.Gradients(t, m, f, func(path string) string { return path }, 2e-4)
		m.config.Attributes = true
		loss, _ = m.Loss(x, golden.Tensor(t, d, f, "attributes"))
		golden.Near(t, "loss of attributes", loss.Values(), golden.Floats(t, f, "attribute_loss"), 1e-5)
	})
}

func TestSizes(t *testing.T) {
	d := golden.CPU(t)
	c := DefaultConfig()
	c.Classes = []string{"cat", "dog"}
	m, err := New(d, c, tensor.NewGenerator(1))
	if err != nil {
		t.Fatal(err)
	}
	if millions := float64(nn.Count(m)) / 1e6; math.Abs(millions-1.3) > 0.1 {
		t.Errorf("the default classifier has %.2f million parameters, want 1.3", millions)
	}
	for size, first := range map[int]int{32: 32, 64: 32, 96: 48, 128: 32, 192: 48, 224: 56, 256: 32} {
		m, err := New(d, small(size), tensor.NewGenerator(1))
		if err != nil {
			t.Fatal(err)
		}
		m.SetTraining(false)
		if shape := m.Features(d.Zeros(2, size, size, 3)).Shape(); shape[0] != 2 || shape[1] != 8 {
			t.Errorf("features of %d pixels: %v", size, shape)
		}
		activations := m.Activations(d.Zeros(2, size, size, 3))
		for i, a := range activations {
			if side := first >> i; a.Dim(1) != side || a.Dim(3) != []int{4, 6, 8}[i] {
				t.Errorf("stage %d of %d pixels: %v", i, size, a.Shape())
			}
		}
		sum := 0.0
		for _, p := range m.Probabilities(d.Zeros(1, 8)).Values() {
			sum += float64(p)
		}
		if math.Abs(sum-1) > 1e-5 || len(activations) != 3 || !strings.Contains(m.String(), "features [N, 8]") {
			t.Errorf("probabilities sum to %v, %d stages, %s", sum, len(activations), m)
		}
	}
}

func TestValidate(t *testing.T) {
	for field, change := range map[string]func(c *Config){
		"ImageSize": func(c *Config) { c.ImageSize = 48 }, "Channels": func(c *Config) { c.Channels = 1 },
		"Classes": func(c *Config) { c.Classes = []string{"cat"} }, "Widths": func(c *Config) { c.Widths = nil },
		"Blocks": func(c *Config) { c.Blocks = 0 }, "Dropout": func(c *Config) { c.Dropout = 1 }, "Smoothing": func(c *Config) { c.Smoothing = -1 },
	} {
		c := small(64)
		change(&c)
		var wrong *fault.FieldError
		if _, err := New(golden.CPU(t), c, tensor.NewGenerator(1)); !errors.As(err, &wrong) || wrong.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	c := small(64)
	c.Classes, c.Attributes = []string{"red"}, true
	if err := c.Validate(); err != nil {
		t.Errorf("a single attribute: %v", err)
	}
	c.Classes = []string{"red", "red"}
	if c.Validate() == nil {
		t.Error("an attribute twice")
	}
	c.Classes, c.Widths, c.Blocks = []string{"red"}, []int{4096, 4096, 4096}, 16
	if c.Validate() == nil {
		t.Error("billions of parameters")
	}
}

func TestMentions(t *testing.T) {
	for _, c := range []struct {
		caption, word string
		want          bool
	}{
		{"A small Red bird", "red", true}, {"a bored bird", "red", false}, {"a red-winged bird", "red", true}, {"gray wings", "grey|gray", true},
		{"dark blue wings", "dark blue", true}, {"dark and blue", "dark blue", false}, {"", "red", false}, {"wings, white.", "white", true},
	} {
		if got := Mentions(c.caption, c.word); got != c.want {
			t.Errorf("%q mentions %q: %t", c.caption, c.word, got)
		}
	}
	got := AttributesOf([]string{"a red bird", "a bird", "a bird", "a bird", "a bird", "a blue bird", "blue"}, []string{"red", "blue", "green"})
	if got[0] != 0 || got[1] != 1 || got[2] != 0 {
		t.Errorf("one red and two blue of seven captions: %v", got)
	}
	if got := AttributesOf([]string{"a red bird"}, []string{"red"}); got[0] != 1 {
		t.Error("the only caption is red")
	}
}
