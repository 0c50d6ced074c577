package maskrcnn

import (
	"math"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/detect"
	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

func TestMatterportConfig(t *testing.T) {
	for want, change := range map[string]func(c *Config){
		"":            func(*Config) {},
		"Conventions": func(c *Config) { c.Conventions = "detectron" },
		"Backbone":    func(c *Config) { c.Backbone = "resnet18" },
		"Pretrained":  func(c *Config) { c.Pretrained = true },
		"MaxSide":     func(c *Config) { c.MaxSide = 1000 },
	} {
		c := Matterport("resnet101", 80)
		change(&c)
		if err := c.Validate(); (err != nil) != (want != "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	c := Matterport("resnet50", 2)
	c.MaxSide = 128
	p, b := c.place(Size{Height: 96, Width: 128}), detect.Box{X0: 3, Y0: 4, X1: 20, Y1: 90}
	if in := p.into(b); in != (detect.Box{X0: 3, Y0: 20, X1: 19, Y1: 105}) || p.outOf(in) != b {
		t.Errorf("%v is %v in the batch", b, in)
	}
	if p.window != (detect.Box{X0: 0, Y0: 16, X1: 127, Y1: 111}) {
		t.Errorf("the window is %v", p.window)
	}
}

// TestMatterportLoss: a model is trained on objects in the middle of the square, and all of its weights have finite gradients but those
// that the first steps move: the last convolution of a block is 0.
func TestMatterportLoss(t *testing.T) {
	d, c := golden.CPU(t), Matterport("resnet50", 3)
	c.MinSide, c.MaxSide, c.Width, c.HeadWidth, c.MaskWidth, c.ProposalWidth, c.Frozen = 64, 128, 16, 32, 16, 24, 2
	m, err := New(d, c, tensor.NewGenerator(1))
	if err != nil {
		t.Fatal(err)
	}
	m.SetTraining(true)
	s := d.Record()
	defer s.End()
	size := Size{Height: 80, Width: 100}
	b := detect.Box{X0: 10, Y0: 20, X1: 90, Y1: 70}
	l := m.Loss(d.From(golden.Numbers("square", 128*128*3), 1, 128, 128, 3), []Size{size}, [][]Target{{{Class: 1, Box: b, Mask: ellipse(size, b)}}}, tensor.NewGenerator(1))
	if sum := l.Sum().Item(); l.Objects == 0 || math.IsNaN(sum) || math.IsInf(sum, 0) {
		t.Fatalf("a loss of %v with %d objects", sum, l.Objects)
	}
	l.Sum().Backward()
	for _, p := range nn.Trainable(m) {
		norm := 0.0
		for _, v := range p.Tensor.Grad().Values() {
			norm += float64(v) * float64(v)
		}
		if math.IsNaN(norm) || math.IsInf(norm, 0) || norm == 0 && strings.HasSuffix(p.Path, "conv3.weight") {
			t.Errorf("%s has a gradient of %v", p.Path, norm)
		}
	}
	if err := m.SetBackbone(nil); err == nil || !strings.Contains(err.Error(), "Conventions") {
		t.Errorf("weights of ImageNet: %v", err)
	}
}
