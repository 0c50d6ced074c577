package transformer

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// example is a transformer over 6 positions of text and a picture of 9×13 cells: several blocks, rows and tiles.
func example() Config {
	return Config{
		Dim: 16, Depth: 2, Heads: 2, DimHead: 8, FFMult: 2, ConvKernel: 3, ConvDilation: 2, Causal: true,
		Geometry: Geometry{Text: 6, Height: 9, Width: 13}, ShiftTokens: true, Rotary: true,
	}
}

func build(t *testing.T, d *tensor.Device, c Config, g *tensor.Generator) *Transformer {
	t.Helper()
	m, err := New(d, c, g)
	if err != nil {
		t.Fatal(err)
	}
	enlarge := tensor.NewGenerator(9)
	for _, p := range nn.Params(m) { // branches as strong as the stream, so that errors in them are visible
		if strings.HasSuffix(p.Path, "scale") {
			p.Tensor.Set(enlarge.Normal(d, p.Tensor.Len()).Values())
		}
	}
	return m
}

// step runs f on x and returns the result and the gradients of x and the parameters, given an upstream gradient.
func step(m *Transformer, x, upstream *tensor.Tensor, f func(*tensor.Tensor) *tensor.Tensor) (y []float32, gradients [][]float32) {
	s := x.Device().Record()
	defer s.End()
	nn.ZeroGrad(m)
	x.ZeroGrad()
	out := f(x)
	out.BackwardFrom(upstream)
	gradients = append(gradients, x.Grad().Values())
	for _, p := range nn.Trainable(m) {
		gradients = append(gradients, p.Tensor.Grad().Values())
	}
	return out.Values(), gradients
}

// Layers that recompute activations in the backward pass have the outputs and gradients of layers that keep them, with the
// same dropout.
func TestRecomputation(t *testing.T) {
	d := golden.CPU(t)
	for name, change := range map[string]func(*Config){
		"reversible":          func(c *Config) { c.Reversible = true },
		"checkpoint":          func(c *Config) { c.Checkpoint = true },
		"reversible, shared":  func(c *Config) { c.Reversible, c.SharedAttn, c.SharedFF = true, []int{0, 0}, []int{0, 0} },
		"reversible, kept":    func(c *Config) { c.Reversible, c.KeepMB = true, 1 },
		"reversible, both":    func(c *Config) { c.Reversible, c.KeepMB, c.Depth = true, 1, 40 },
		"reversible, pattern": func(c *Config) { c.Reversible, c.Attention = true, []Pattern{AxialCol, ConvLike} },
	} {
		t.Run(name, func(t *testing.T) {
			c := example()
			c.AttnDropout, c.FFDropout = 0.3, 0.2
			change(&c)
			if kept := c.kept(2 * c.Geometry.Len()); c.KeepMB > 0 && (kept >= c.Depth) != (c.Depth < 40) {
				t.Fatalf("%d of %d layers fit", kept, c.Depth)
			}
			random := tensor.NewGenerator(3)
			m := build(t, d, c, random)
			g := tensor.NewGenerator(4)
			x := g.Normal(d, 2, c.Geometry.Len(), c.Dim).Keep().SetRequiresGrad(true)
			upstream := g.Normal(d, 2, c.Geometry.Len(), c.Dim)
			key, offset := random.State()
			want, wantGradients := step(m, x, upstream, func(x *tensor.Tensor) *tensor.Tensor {
				p := &pass{cos: m.cos, sin: m.sin, shift: m.shift}
				x1, x2 := x, x
				for _, l := range m.layers {
					x1 = x1.Add(l.attention.forward(nil, x2, p, nil))
					if c.Reversible {
						x2 = x2.Add(l.feedForward.forward(nil, x1, p, nil))
					} else {
						x1 = x1.Add(l.feedForward.forward(nil, x1, p, nil))
						x2 = x1
					}
				}
				return x1.Add(x2).Scale(0.5)
			})
			_, after := random.State()
			random.SetState(key, offset)
			got, gotGradients := step(m, x, upstream, func(x *tensor.Tensor) *tensor.Tensor { return m.Forward(x, nil, nil) })
			if _, at := random.State(); at != after {
				t.Errorf("the generator is at %d after a step, want %d", at, after)
			}
			golden.Near(t, "output", got, want, 1e-5)
			for i := range wantGradients {
				golden.Near(t, "gradient", gotGradients[i], wantGradients[i], 1e-4)
			}
		})
	}
}

// With every pattern, a change at a position changes the outputs of the positions that attend to it, and none before it.
// The output with a KV cache, in pieces, is the same.
func TestPatterns(t *testing.T) {
	d := golden.CPU(t)
	for _, pattern := range Patterns {
		for _, shift := range []bool{false, true} {
			t.Run(string(pattern), func(t *testing.T) {
				c := example()
				c.Attention, c.ShiftTokens, c.Depth = []Pattern{pattern}, shift, 1
				m := build(t, d, c, tensor.NewGenerator(3))
				n := c.Geometry.Len()
				x := tensor.NewGenerator(4).Normal(d, 1, n, c.Dim)
				before := m.Forward(x, nil, nil).Values()
				allowed := c.allowed(0)
				for _, key := range []int{0, 3, 5, 6, 7, 18, 19, 20, 50, 77, n - 2, n - 1} {
					changed := x.Values()
					for i := range c.Dim {
						changed[key*c.Dim+i] += float32(i%3) - 0.7
					}
					after := m.Forward(d.From(changed, x.Shape()...), nil, nil).Values()
					for query := range n {
						row := slices.Equal(after[query*c.Dim:(query+1)*c.Dim], before[query*c.Dim:(query+1)*c.Dim])
						if moved := !row; moved && query < key || !shift && moved != allowed(query, key) {
							t.Errorf("position %d changes the output of %d: %t", key, query, moved)
						}
					}
				}
				cache := m.NewCache(1)
				var got []float32
				for _, piece := range []int{9, 1, 1, 40, 13, 1, n - 65} {
					got = append(got, m.Forward(x.Slice(1, cache.Len(), cache.Len()+piece), nil, cache).Values()...)
				}
				golden.Near(t, "cached output", got, before, 1e-5)
			})
		}
	}
}

// Which cells each pattern allows, in a picture of 9×13 cells after 6 positions of text, written by hand.
func TestAllowed(t *testing.T) {
	at := func(row, column int) int { return 6 + 13*row + column }
	for _, test := range []struct {
		pattern    Pattern
		query, key int
		want       bool
	}{
		{Full, 3, 3, true}, {Full, 3, 4, false}, {Full, at(2, 2), at(0, 9), true}, {Full, 3, at(0, 0), false},
		{AxialRow, at(2, 2), 5, true}, {AxialRow, at(2, 2), at(2, 0), true}, {AxialRow, at(2, 2), at(1, 2), false},
		{AxialRow, at(2, 2), at(2, 3), false}, {AxialRow, at(2, 0), at(1, 12), false}, {AxialRow, 4, 5, false},
		{AxialCol, at(2, 2), at(0, 2), true}, {AxialCol, at(2, 2), at(2, 1), false}, {AxialCol, at(2, 2), 0, true},
		{AxialCol, at(2, 2), at(3, 2), false}, {AxialCol, at(8, 11), at(0, 11), true},
		{ConvLike, at(5, 6), at(5, 6), true}, {ConvLike, at(5, 6), at(5, 4), true}, {ConvLike, at(5, 6), at(5, 5), false},
		{ConvLike, at(5, 6), at(1, 2), true}, {ConvLike, at(5, 6), at(1, 0), false}, {ConvLike, at(5, 6), at(3, 8), false},
		{ConvLike, at(5, 0), at(3, 12), false}, {ConvLike, at(5, 6), 2, true},
		{Sparse, 120, 15, true}, {Sparse, 120, 112, true}, // the block of text, its own block
	} {
		c := example()
		c.Attention = []Pattern{test.pattern}
		if got := c.allowed(0)(test.query, test.key); got != test.want {
			t.Errorf("%s: position %d sees %d: %t, want %t", test.pattern, test.query, test.key, got, test.want)
		}
	}
}

// In a transformer that is not causal, no position attends to padding, and every position attends to all others.
func TestKeep(t *testing.T) {
	d := golden.CPU(t)
	c := Config{Dim: 12, Depth: 2, Heads: 2, DimHead: 5, FFMult: 1, Geometry: Geometry{Text: 7}}
	m := build(t, d, c, tensor.NewGenerator(3))
	x := tensor.NewGenerator(4).Normal(d, 1, 7, 12)
	keep := d.Ints([]int32{1, 1, 1, 1, 1, 0, 1}, 1, 7)
	before := m.Forward(x, keep, nil).Values()
	for position := range 7 {
		changed := x.Values()
		changed[position*12]++
		after := m.Forward(d.From(changed, 1, 7, 12), keep, nil).Values()
		for other := range 7 {
			moved := !slices.Equal(after[other*12:other*12+12], before[other*12:other*12+12])
			if want := position != 5 || other == 5; moved != want {
				t.Errorf("position %d changes the output of %d: %t, want %t", position, other, moved, want)
			}
		}
	}
}

func TestSharedLayersAreVisitedOnce(t *testing.T) {
	c := example()
	c.Depth, c.SharedAttn, c.SharedFF = 3, []int{5, 2, 5}, []int{0, 0, 0}
	m := build(t, golden.CPU(t), c, tensor.NewGenerator(1))
	var paths []string
	for _, p := range nn.Params(m) {
		if strings.HasSuffix(p.Path, ".weight") && !strings.Contains(p.Path, "norm") {
			paths = append(paths, p.Path)
		}
	}
	want := []string{
		"layers.0.attention.qkv.weight", "layers.0.attention.out.weight", "layers.0.ff.in.weight", "layers.0.ff.out.weight",
		"layers.1.attention.qkv.weight", "layers.1.attention.out.weight",
	}
	if !slices.Equal(paths, want) {
		t.Errorf("weights %v, want %v", paths, want)
	}
}

func TestScaleByDepth(t *testing.T) {
	c := Config{Dim: 1, Depth: 26, Heads: 1, DimHead: 1, FFMult: 1, Geometry: Geometry{Text: 1}}
	m, err := New(golden.CPU(t), c, tensor.NewGenerator(1))
	if err != nil {
		t.Fatal(err)
	}
	for layer, want := range map[int]float64{0: 0.1, 17: 0.1, 18: 1e-5, 23: 1e-5, 24: 1e-6, 25: 1e-6} {
		if got := m.layers[layer].feedForward.scale.Item(); math.Abs(got-want) > want*1e-6 {
			t.Errorf("layer %d begins with scale %v, want %v", layer+1, got, want)
		}
	}
}
