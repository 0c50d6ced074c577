package transformer

import (
	"slices"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/blocktest"
	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/tensor"
)

// TestBlocks checks that each layer is entered before it computes, forward and backward, also where activations are recomputed.
func TestBlocks(t *testing.T) {
	d := golden.CPU(t)
	for name, c := range map[string]struct {
		change func(*Config)
		want   []int
	}{
		"plain":            {func(c *Config) {}, []int{0, 1, 2, -1, 2, 1, 0, -1}},
		"checkpoint":       {func(c *Config) { c.Checkpoint = true }, []int{0, 1, 2, -1, 2, 1, 0, -1}},
		"reversible":       {func(c *Config) { c.Reversible = true }, []int{0, 1, 2, -1, 2, 2, 1, 0, -1}},
		"reversible, kept": {func(c *Config) { c.Reversible, c.KeepMB = true, 100 }, []int{0, 1, 2, -1, 2, 1, 0, -1}},
		"reversible, both": {func(c *Config) { c.Reversible, c.KeepMB, c.Depth = true, 1, 32 }, nil},
	} {
		config := example()
		config.Depth, config.AttnDropout = 3, 0.3
		c.change(&config)
		random := tensor.NewGenerator(3)
		m := build(t, d, config, random)
		x := tensor.NewGenerator(4).Normal(d, 2, config.Geometry.Len(), config.Dim).Keep().SetRequiresGrad(true)
		key, offset := random.State()
		if kept := config.kept(2 * config.Geometry.Len()); c.want == nil && (kept < 1 || kept >= config.Depth) {
			t.Fatalf("%d of %d layers fit", kept, config.Depth)
		}
		got := blocktest.Check(t, m, func() *tensor.Tensor {
			random.SetState(key, offset)
			return m.Forward(x, nil, nil).Square().Mean()
		})
		if c.want != nil && !slices.Equal(got, c.want) {
			t.Errorf("%s: enters %v, want %v", name, got, c.want)
		}
	}
}

// TestSharedLayersAreNoBlocks checks that weights that several layers use belong to no block.
func TestSharedLayersAreNoBlocks(t *testing.T) {
	config := example()
	config.SharedFF = []int{0, 0}
	m := build(t, golden.CPU(t), config, tensor.NewGenerator(3))
	for i := range m.layers {
		if m.block(i) != nil {
			t.Errorf("layer %d is a block", i)
		}
	}
}
