package vqgan

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

func build(t testing.TB, d *tensor.Device, c Config) *Model {
	t.Helper()
	m, err := New(d, c, tensor.NewGenerator(1))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func small() Config {
	return Config{
		ImageSize: 16, Channels: 3, Patch: 2, Width: 8, Multipliers: []int{1, 2}, Blocks: 1, Groups: 4, Blur: true,
		ZChannels: 4, Embed: 3, Bottleneck: KL, KLWeight: 1e-3,
	}
}

// waves are pictures [n, size, size, channels], all different.
func waves(d *tensor.Device, n, size, channels int) *tensor.Tensor {
	x := make([]float32, 0, n*size*size*channels)
	for i := range n {
		for y := range size {
			for z := range size {
				for c := range channels {
					x = append(x, float32(math.Sin(float64(i+1)*0.3*float64(y)+0.2*float64(z*(c+1))+float64(i))))
				}
			}
		}
	}
	return d.From(x, n, size, size, channels)
}

func TestShapes(t *testing.T) {
	d := golden.CPU(t)
	for name, change := range map[string]func(*Config){
		"small":           func(*Config) {},
		"RGBA":            func(c *Config) { c.Channels = 4 },
		"strided":         func(c *Config) { c.Blur = false },
		"no patches":      func(c *Config) { c.Patch = 1 },
		"patches of 4":    func(c *Config) { c.Patch = 4 },
		"no power of two": func(c *Config) { c.ImageSize = 24 },
		"one level":       func(c *Config) { c.Multipliers = []int{1} },
		"attention":       func(c *Config) { c.AttentionAt = []int{8, 4} },
		"constant noise":  func(c *Config) { c.Noise = 0.1 },
		"linear path":     func(c *Config) { c.Linear = true },
	} {
		c := small()
		change(&c)
		m := build(t, d, c)
		x := waves(d, 2, c.ImageSize, c.Channels)
		z := m.Encode(x)
		if want := []int{2, c.Grid(), c.Grid(), c.Embed}; !slices.Equal(z.Shape(), want) {
			t.Errorf("%s: latents %v, want %v", name, z.Shape(), want)
		}
		if y := m.Decode(z); !slices.Equal(y.Shape(), x.Shape()) {
			t.Errorf("%s: pictures %v, want %v", name, y.Shape(), x.Shape())
		}
		together := m.Reconstruct(x).Values()
		half := x.Slice(0, 1, 2)
		golden.Near(t, name+": a picture alone", m.Reconstruct(half).Values(), together[len(together)/2:], 1e-4)
	}
}

func TestPatches(t *testing.T) {
	d := golden.CPU(t)
	x := waves(d, 2, 8, 3)
	for _, p := range []int{1, 2, 4} {
		y := patches(x, p)
		if want := []int{2, 8 / p, 8 / p, 3 * p * p}; !slices.Equal(y.Shape(), want) {
			t.Fatalf("patches of %d: %v, want %v", p, y.Shape(), want)
		}
		if !slices.Equal(unpatched(y, p).Values(), x.Values()) {
			t.Errorf("patches of %d: don't come back", p)
		}
	}
	// The first position has the first block, row by row.
	got, all := patches(x, 2).Values()[:12], x.Values()
	if want := slices.Concat(all[:6], all[8*3:8*3+6]); !slices.Equal(got, want) {
		t.Errorf("the first block is %v, want %v", got, want)
	}
}

// TestEqualPixels checks that the pixels of a patch are equal before the training.
func TestEqualPixels(t *testing.T) {
	d, c := golden.CPU(t), small()
	y := build(t, d, c).Reconstruct(waves(d, 1, 16, 3))
	blocks := patches(y, c.Patch).Reshape(-1, 4, 3)
	golden.Near(t, "pixels", blocks.Slice(1, 3, 4).Values(), blocks.Slice(1, 0, 1).Values(), 1e-5)
}

func TestStatistics(t *testing.T) {
	d := golden.CPU(t)
	m := build(t, d, small())
	x := waves(d, 6, 16, 3)
	pictures := m.Reconstruct(x).Values()
	batches := func(yield func(*tensor.Tensor) bool) { _ = yield(x.Slice(0, 0, 4)) && yield(x.Slice(0, 4, 6)) }
	if err := m.MeasureLatents(batches); err != nil {
		t.Fatal(err)
	}
	z := m.Encode(x).Reshape(-1, m.config.Embed)
	golden.Near(t, "mean", z.Mean(0).AddScalar(1).Values(), []float32{1, 1, 1}, 1e-4)
	golden.Near(t, "variance", z.Square().Mean(0).Values(), []float32{1, 1, 1}, 1e-4)
	golden.Near(t, "pictures", m.Reconstruct(x).Values(), pictures, 1e-4)

	mean, std, err := m.Posterior(x)
	if err != nil {
		t.Fatal(err)
	}
	golden.Near(t, "mean of the posterior", mean.Values(), z.Values(), 1e-4)
	sum := d.Zeros(mean.Shape()...)
	const draws = 2000
	g := tensor.NewGenerator(5)
	for range draws {
		drawn, err := m.Sample(x, g)
		if err != nil {
			t.Fatal(err)
		}
		sum = sum.Add(drawn.Sub(mean).Square())
	}
	golden.Near(t, "variance of samples", sum.Scale(1.0/draws).Sqrt().Values(), std.Values(), 0.1)

	var field *fault.FieldError
	if err := m.MeasureLatents(func(func(*tensor.Tensor) bool) {}); !errors.As(err, &field) {
		t.Errorf("no pictures: %v", err)
	}
	for _, bad := range [][2][]float32{{{0}, {1}}, {{0, 0, 0}, {1, 1, 0}}, {{0, 0, float32(math.NaN())}, {1, 1, 1}}} {
		if err := m.SetStatistics(bad[0], bad[1]); !errors.As(err, &field) {
			t.Errorf("statistics %v: %v", bad, err)
		}
	}
}

// TestKL compares the divergence with an average of ln q(z) − ln p(z) over draws of z.
func TestKL(t *testing.T) {
	d := golden.CPU(t)
	for _, noise := range []float64{0, 0.4} {
		b := &gaussian{config: Config{Noise: noise}}
		mean := d.From([]float32{0.5, -1, 2}, 3)
		logVar := d.From([]float32{-1, 0.5, 0}, 3)
		std := logVar.Scale(0.5).Exp()
		if noise > 0 {
			logVar, std = nil, d.Full(noise, 3)
		}
		e := tensor.NewGenerator(1).Normal(d, 200000, 3)
		z := mean.Add(std.Mul(e))
		want := z.Square().Sub(e.Square()).Scale(0.5).Sub(std.Log()).Mean().Item()
		if got := b.kl(mean, logVar).Item(); math.Abs(got-want) > 0.02 {
			t.Errorf("noise %v: KL %v, want about %v", noise, got, want)
		}
	}
}

func TestValidate(t *testing.T) {
	if err := DefaultConfig().Validate(); err != nil {
		t.Fatal(err)
	}
	for field, changes := range map[string][]func(*Config){
		"ImageSize": {func(c *Config) { c.ImageSize = 18 }, func(c *Config) { c.ImageSize = 0 }, func(c *Config) { c.ImageSize = 1 << 20 }},
		"Channels":  {func(c *Config) { c.Channels = 1 }},
		"Patch":     {func(c *Config) { c.Patch = 0 }, func(c *Config) { c.Patch = 3 }},
		"Width":     {func(c *Config) { c.Width = 0 }, func(c *Config) { c.Width, c.Groups, c.Multipliers = 8192, 8192, []int{2, 2} }},
		"Multipliers": {func(c *Config) { c.Multipliers = nil }, func(c *Config) { c.Multipliers = []int{1, 0} },
			func(c *Config) { c.Multipliers = []int{1 << 62} }, func(c *Config) { c.Multipliers = make([]int, 100) }},
		"Blocks":      {func(c *Config) { c.Blocks = 0 }},
		"Groups":      {func(c *Config) { c.Groups = 3 }, func(c *Config) { c.Groups = 0 }},
		"AttentionAt": {func(c *Config) { c.AttentionAt = []int{16} }},
		"ZChannels":   {func(c *Config) { c.ZChannels = 0 }},
		"Embed":       {func(c *Config) { c.Embed = 0 }},
		"Bottleneck":  {func(c *Config) { c.Bottleneck = "" }},
		"KLWeight":    {func(c *Config) { c.KLWeight = -1 }, func(c *Config) { c.KLWeight = math.NaN() }},
		"Noise":       {func(c *Config) { c.Noise = math.Inf(1) }},
	} {
		for i, change := range changes {
			c := small()
			change(&c)
			var f *fault.FieldError
			if _, err := New(golden.CPU(t), c, tensor.NewGenerator(1)); !errors.As(err, &f) || f.Field != field {
				t.Errorf("%s, change %d: %v", field, i, err)
			}
		}
	}
}

func TestNames(t *testing.T) {
	c := small()
	c.AttentionAt = []int{4}
	m := build(t, golden.CPU(t), c)
	have := map[string]bool{}
	for _, p := range nn.Params(m) {
		have[p.Path] = true
	}
	for _, name := range []string{
		"encoder.down.0.block.0.norm1.weight", "encoder.down.0.downsample.conv.weight", "encoder.down.1.block.0.nin_shortcut.bias",
		"encoder.down.1.attn.0.proj_out.weight", "encoder.mid.attn_1.q.weight", "encoder.norm_out.bias", "quant_conv.weight",
		"post_quant_conv.bias", "decoder.up.1.upsample.conv.weight", "decoder.up.0.block.1.conv2.weight", "decoder.conv_out.weight", "latents.std",
	} {
		if !have[name] {
			t.Errorf("there is no parameter %s", name)
		}
	}
	if s := m.String(); !strings.Contains(s, "latents [N, 4, 4, 3]") {
		t.Error(s)
	}
}
