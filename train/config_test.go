package train

import (
	"errors"
	"math"
	"testing"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/nn"
)

// TestConfigErrors checks that what Validate refuses names a field.
func TestConfigErrors(t *testing.T) {
	for field, change := range map[string]func(*Config){
		"Steps":        func(c *Config) { c.Steps = 0 },
		"Epochs":       func(c *Config) { c.Steps, c.Epochs = 0, -1 },
		"Batch":        func(c *Config) { c.Batch = -1 },
		"LearningRate": func(c *Config) { c.LearningRate = 0 },
		"FinalRate":    func(c *Config) { c.FinalRate = 1.5 },
		"Optimizer":    func(c *Config) { c.Optimizer = "" },
		"Momentum":     func(c *Config) { c.Momentum = 1 },
		"Nesterov":     func(c *Config) { c.Nesterov = true },
		"BiasRate":     func(c *Config) { c.BiasRate = 2 },
		"Schedule":     func(c *Config) { c.Schedule = "multistep" },
		"Milestones":   func(c *Config) { c.Milestones = []int{1} },
	} {
		c := toyConfig(3)
		if err := c.Validate(); err != nil {
			t.Fatal(err)
		}
		change(&c)
		var wrong *fault.FieldError
		if err := c.Validate(); !errors.As(err, &wrong) || wrong.Field != field {
			t.Errorf("got %v, want an error of %s", err, field)
		}
	}
}

// TestSGDConfig checks the learning rates of a configuration of SGD, and its groups.
func TestSGDConfig(t *testing.T) {
	c := toyConfig(9)
	c.Optimizer, c.Nesterov, c.Momentum, c.WeightDecay, c.BiasRate, c.DecayMatrices = "sgd", true, 0.9, 0.1, 2, true
	c.Schedule, c.Warmup, c.DropFactor, c.Milestones = "multistep", 2, 0.1, []int{4, 6}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	rate := c.schedule(9)
	for step, want := range map[int]float64{1: 0.5, 2: 1, 4: 1, 5: 0.1, 6: 0.1, 7: 0.01, 9: 0.01} {
		if got := rate(step); math.Abs(got-want) > 1e-12 {
			t.Errorf("step %d: %v, want %v", step, got, want)
		}
	}
	d := openPortable()
	group := c.sgd().Group
	if a, b := group(nn.Param{Path: "a.bias", Tensor: d.Zeros(3)}), group(nn.Param{Path: "a.weight", Tensor: d.Zeros(3, 2)}); a != (SGDGroup{Rate: 2}) || b != (SGDGroup{1, 0.1}) {
		t.Errorf("groups %+v and %+v", a, b)
	}
	for _, milestones := range [][]int{{2}, {5, 5}, {6, 5}, {-1}} {
		c.Milestones = milestones
		if c.Validate() == nil {
			t.Errorf("milestones %v are accepted", milestones)
		}
	}
}
