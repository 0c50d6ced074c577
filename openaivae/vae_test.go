package openaivae

import (
	"errors"
	"testing"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

func TestValidate(t *testing.T) {
	if err := DefaultConfig().Validate(); err != nil {
		t.Error(err)
	}
	for field, change := range map[string]func(*Config){
		"ImageSize": func(c *Config) { c.ImageSize = 60 },
		"Codes":     func(c *Config) { c.Codes = 1 },
		"Hidden":    func(c *Config) { c.Hidden = 6 },
		"Init":      func(c *Config) { c.Init = 0 },
		"Blocks":    func(c *Config) { c.Blocks = 17 },
	} {
		c := DefaultConfig()
		change(&c)
		var wrong *fault.FieldError
		if err := c.Validate(); !errors.As(err, &wrong) || wrong.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	c := DefaultConfig()
	c.Hidden = 4000
	if _, err := New(golden.CPU(t), c, tensor.NewGenerator(1)); err == nil {
		t.Error("a model of some billion parameters is built")
	}
}

// TestParameters counts those of the published model: 53,786,240 of the encoder and 43,829,766 of the decoder.
func TestParameters(t *testing.T) {
	v, err := New(golden.CPU(t), DefaultConfig(), tensor.NewGenerator(1))
	if err != nil {
		t.Fatal(err)
	}
	if got := nn.Count(v); got != 97_616_006 {
		t.Errorf("%d parameters", got)
	}
	if got := v.config.products(); got < nn.Count(v)*9/10 || got > nn.Count(v)*11/10 {
		t.Errorf("Config counts %d, there are %d", got, nn.Count(v))
	}
}
