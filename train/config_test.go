package train

import (
	"errors"
	"testing"

	"github.com/bestiary-ml/bestiary/fault"
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
