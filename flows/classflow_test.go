package flows_test

import (
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/flows"
	"github.com/bestiary-ml/bestiary/tensor"
)

// TestClassConfigs checks the defaults of all architectures, for vectors of any length, and what is refused.
func TestClassConfigs(t *testing.T) {
	for _, architecture := range flows.ClassArchitectures() {
		for _, dim := range []int{2, 7, 67, 134, 256} {
			if err := flows.DefaultClassConfig(architecture, dim, 3).Validate(); err != nil {
				t.Errorf("%s of %d: %v", architecture, dim, err)
			}
		}
	}
	with := func(architecture string, change func(c *flows.Config)) flows.Config {
		c := flows.DefaultClassConfig(architecture, 8, 2)
		change(&c)
		return c
	}
	for want, c := range map[string]flows.Config{
		`Architecture "glow": must be one of`: with("nsf", func(c *flows.Config) { c.Architecture = "glow" }),
		"Norm true: must be left out":         with("nsf", func(c *flows.Config) { c.Norm = flows.BatchNormalization }),
		"BoundedScale":                        with("maf", func(c *flows.Config) { c.BoundedScale = true }),
		"Hidden":                              with("nsf", func(c *flows.Config) { c.Hidden = []int{0} }),
		"must be one width":                   with("tarflow", func(c *flows.Config) { c.Hidden = []int{8, 8} }),
		"must be a positive multiple of 32":   with("tarflow", func(c *flows.Config) { c.Hidden = []int{33} }),
		"Layers 0":                            with("tarflow", func(c *flows.Config) { c.Layers = 0 }),
		"Layers 1000: must be 1 to 64":        with("tarflow", func(c *flows.Config) { c.Layers = 1000 }),
	} {
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want %q", err, want)
		}
	}
	if _, err := flows.NewRealNVP(openDevice(t, "cpu"), flows.DefaultClassConfig("maf", 8, 2), tensor.NewGenerator(1)); err == nil {
		t.Error("NewRealNVP builds a MAF")
	}
}
