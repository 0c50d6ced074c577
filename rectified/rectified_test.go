package rectified

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/internal/gradcheck"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// small is a tiny configuration.
func small() Config {
	c := DefaultConfig()
	c.Height, c.Width, c.Channels, c.TextTokens, c.TextLen, c.Dim, c.Depth, c.Heads, c.FFMult = 2, 3, 2, 9, 4, 8, 2, 2, 2
	return c
}

// build makes a model whose weights are all random, also those that begin with zeros.
func build(t testing.TB, d *tensor.Device, c Config) *Model {
	t.Helper()
	g := tensor.NewGenerator(1)
	m, err := New(d, c, g)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range m.blocks {
		b.modulation = nn.NewLinear(d, c.Dim, 6*c.Dim, true, g)
	}
	m.last = nn.NewLinear(d, c.Dim, 2*c.Dim, true, g)
	m.out = nn.NewLinear(d, c.Dim, c.Patch*c.Patch*c.Channels, true, g)
	return m
}

// Gradients of a tiny model in every parameter and the latent, against central differences in float64.
func TestGradients(t *testing.T) {
	d := gradcheck.Device(t)
	for _, patch := range []int{1, 2} {
		c := small()
		c.Height, c.Width, c.Patch = 2, 2, patch
		m := build(t, d, c)
		x := gradcheck.Normal(d, rand.New(rand.NewPCG(1, 2)), 2, c.Height, c.Width, c.Channels)
		inputs := []*tensor.Tensor{x}
		for _, p := range nn.Trainable(m) {
			if p.Path == "time.0.weight" { // 256 features: a few of them would do, and the golden test has them
				continue
			}
			inputs = append(inputs, p.Tensor)
		}
		gradcheck.Check(t, func() *tensor.Tensor {
			return m.Velocity(x, []float64{0.2, 0.7}, [][]int32{{3, 1, 4}, nil})
		}, inputs...)
	}
}

// A new model's velocity is 0, and its loss that of the target: E(ε − x₀)² = 2 for latents from N(0, I).
func TestNew(t *testing.T) {
	d := golden.CPU(t)
	c := small()
	m, err := New(d, c, tensor.NewGenerator(1))
	if err != nil {
		t.Fatal(err)
	}
	if n, want := c.products(), nn.Count(m); math.Abs(float64(n-want)) > 0.3*float64(want) {
		t.Errorf("the bound counts %d parameters of %d", n, want)
	}
	s := d.Scratch()
	defer s.End()
	g := tensor.NewGenerator(2)
	loss := m.Loss(make([]int32, 2000*c.TextLen), g.Normal(d, 2000, c.Height, c.Width, c.Channels), g).Item()
	if math.Abs(loss-2) > 0.05 {
		t.Errorf("loss %v, want 2", loss)
	}
	if text := m.String(); !strings.Contains(text, "blocks.1.modulation") {
		t.Error(text)
	}
}

// The default model has the size that its settings say.
func TestDefaultSize(t *testing.T) {
	m, err := New(golden.CPU(t), DefaultConfig(), tensor.NewGenerator(1))
	if err != nil {
		t.Fatal(err)
	}
	// 1.18 million a block, and 0.9 million besides.
	if millions := float64(nn.Count(m)) / 1e6; math.Abs(millions-8.0) > 0.05 {
		t.Errorf("the default model has %.2f million parameters", millions)
	}
}

// Times are logit-normal.
func TestTimes(t *testing.T) {
	c := small()
	c.TimeMean, c.TimeStd = 0.5, 1.5
	m := &Model{config: c}
	const n = 100_000
	mean, square := 0.0, 0.0
	for i := range n {
		time := m.time01((float64(i) + 0.5) / n)
		z := math.Log(time / (1 - time))
		mean += z / n
		square += z * z / n
	}
	if math.Abs(mean-0.5) > 0.01 || math.Abs(math.Sqrt(square-mean*mean)-1.5) > 0.01 {
		t.Errorf("logits of times have mean %v and mean square %v", mean, square)
	}
	if low, high := m.time01(0), m.time01(1); !(low > 0 && high < 1) {
		t.Errorf("times from %v to %v", low, high)
	}
}

func TestImpossibleConfigs(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"Height 0":      func(c *Config) { c.Height = 0 },
		"Patch 2":       func(c *Config) { c.Patch = 2 },
		"Dim 6":         func(c *Config) { c.Dim = 6 },
		"Dim 16384":     func(c *Config) { c.Dim, c.Depth, c.TextTokens = 1<<14, 512, 1<<20 },
		"TextLen 16380": func(c *Config) { c.TextLen = 16380 },
		"NullProb NaN":  func(c *Config) { c.NullProb = math.NaN() },
		"TimeStd -1":    func(c *Config) { c.TimeStd = -1 },
	} {
		c := small()
		change(&c)
		_, err := New(golden.CPU(t), c, tensor.NewGenerator(1))
		var wrong *fault.FieldError
		if !errors.As(err, &wrong) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want an error about %s", err, want)
		}
	}
}

func TestSaveLoad(t *testing.T) {
	d := golden.CPU(t)
	m, path := build(t, d, small()), filepath.Join(t.TempDir(), "m.safetensors")
	if err := nn.SaveFile(m, path); err != nil {
		t.Fatal(err)
	}
	again, err := New(d, small(), tensor.NewGenerator(7))
	if err != nil {
		t.Fatal(err)
	}
	if err := nn.LoadFile(again, path); err != nil || nn.Checksum(again) != nn.Checksum(m) {
		t.Errorf("%v, checksums %s and %s", err, nn.Checksum(again), nn.Checksum(m))
	}
}

// A small model learns to tell the latents of two captions apart.
func TestLearns(t *testing.T) {
	d := golden.CPU(t)
	c := small()
	c.Dim, c.NullProb = 32, 0
	m, err := New(d, c, tensor.NewGenerator(1))
	if err != nil {
		t.Fatal(err)
	}
	const batch = 16
	g := tensor.NewGenerator(3)
	text, values := make([]int32, 0, batch*c.TextLen), make([]float32, 0, batch*c.numbers())
	for i := range batch { // caption 1: all cells 1, caption 2: all −1
		text = append(text, int32(1+i%2), 0, 0, 0)
		values = append(values, slices.Repeat([]float32{float32(1 - 2*(i%2))}, c.numbers())...)
	}
	adam := golden.NewAdam(d, m, 3e-3, 0.99, 0)
	for range 300 {
		s := d.Record()
		loss := m.Loss(text, d.From(values, batch, c.Height, c.Width, c.Channels), g)
		nn.ZeroGrad(m)
		loss.Backward()
		adam.Step()
		s.End()
	}
	for _, o := range []Options{{Solver: Euler}, {Solver: Heun, Steps: 8}, {Solver: Adaptive}, {Guidance: 1}} {
		o.Guidance = 1
		latents, _, err := m.Generate(context.Background(), []Picture{
			{Text: []int32{1}, Random: tensor.NewGenerator(5)}, {Text: []int32{2}, Random: tensor.NewGenerator(6)},
		}, o, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range latents {
			want := float32(1)
			if i >= c.numbers() {
				want = -1
			}
			if math.Abs(float64(v-want)) > 0.4 {
				t.Errorf("%+v: number %d is %v, want %v", o, i, v, want)
			}
		}
	}
}
