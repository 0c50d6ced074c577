package classifier

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/backbone"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

func withBackbone() Config {
	c := DefaultConfig().WithBackbone("efficientnet-lite0")
	c.ImageSize, c.BackboneSize, c.Classes = 32, 64, []string{"cat", "dog", "bird"}
	return c
}

// TestBackbone checks that only the last layer is trained, and that the features are those of the backbone.
func TestBackbone(t *testing.T) {
	d, g := golden.CPU(t), tensor.NewGenerator(1)
	m, err := New(d, withBackbone(), g)
	if err != nil {
		t.Fatal(err)
	}
	b, err := backbone.New(d, "efficientnet-lite0")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range nn.Params(b) {
		if p.Trainable && p.Tensor.Len() > 1 {
			p.Tensor.Set(g.Normal(d, p.Tensor.Shape()...).Scale(0.3).Values())
		}
	}
	if err := m.SetBackbone(b); err != nil {
		t.Fatal(err)
	}
	m.SetTraining(false)
	x := g.Uniform(d, 2, 32, 32, 3)
	features := m.Features(x)
	golden.Near(t, "features", features.Values(), b.Pooled(x.ResizeBilinear(64, 64)).Values(), 1e-4)
	if n, want := nn.Count(m), 3*1280+3; n != want {
		t.Errorf("%d parameters are trained, want %d", n, want)
	}
	if all := m.Activations(x); len(all) != 4 || all[0].Dim(1) != 16 {
		t.Errorf("activations: %v", all)
	}
	rows := features.Values()
	if err := m.Standardize(rows); err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for i, v := range m.pre.standardize(features).Values() {
		if sum += float64(v); math.Abs(float64(v)) > 1.001 {
			t.Fatalf("feature %d is %v, after standardizing two rows", i, v)
		}
	}
	if math.Abs(sum) > 0.1 {
		t.Errorf("the standardized features have the sum %v", sum)
	}
	s := d.Record()
	defer s.End()
	loss, logits := m.FeatureLoss(features, d.From([]float32{1, 0, 0, 0, 0, 1}, 2, 3))
	loss.Backward()
	if logits.Dim(1) != 3 || m.fc.Weight.Grad() == nil {
		t.Errorf("logits %v", logits)
	}
	if name := m.Config().FeatureName(); name != "features of EfficientNet-Lite0 (ImageNet)" || m.Backbone() == nil {
		t.Errorf("named %q", name)
	}
}

func TestBackboneErrors(t *testing.T) {
	d := golden.CPU(t)
	for field, change := range map[string]func(c *Config){
		"Backbone": func(c *Config) { c.Backbone = "resnet1" }, "BackboneSize": func(c *Config) { c.BackboneSize = 8 },
		"Widths": func(c *Config) { c.Widths = []int{8} }, "Blocks": func(c *Config) { c.Blocks = 2 }, "Channels": func(c *Config) { c.Channels = 4 },
	} {
		c := withBackbone()
		change(&c)
		var wrong *fault.FieldError
		if _, err := New(d, c, tensor.NewGenerator(1)); !errors.As(err, &wrong) || wrong.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	m, err := New(d, small(32), tensor.NewGenerator(1))
	if err != nil {
		t.Fatal(err)
	}
	if err := m.SetBackbone(nil); err == nil || m.Backbone() != nil {
		t.Error("a classifier without a backbone takes one")
	}
	if err := m.Standardize(make([]float32, 8)); err == nil {
		t.Error("a classifier without a backbone standardizes")
	}
	if name := m.Config().FeatureName(); !strings.Contains(name, "own") {
		t.Errorf("named %q", name)
	}
}
