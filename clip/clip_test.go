package clip

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

// reference is the configuration of the golden file.
func reference() Config {
	return Config{
		TextTokens: 20, TextLen: 6, ImageSize: 16, PatchSize: 4, Channels: 3, Latent: 12,
		Text: Tower{Dim: 16, Depth: 1, Heads: 2, DimHead: 64}, Image: Tower{Dim: 20, Depth: 1, Heads: 2, DimHead: 64},
	}
}

func build(t *testing.T, d *tensor.Device, c Config) *CLIP {
	t.Helper()
	m, err := New(d, c, tensor.NewGenerator(1))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestPaddingIsIgnored compares captions with those without their padding.
func TestPaddingIsIgnored(t *testing.T) {
	d := golden.CPU(t)
	m := build(t, d, reference())
	short := m.EncodeText(d.Ints([]int32{3, 1, 4}, 1, 3), nil)
	long := m.EncodeText(d.Ints([]int32{3, 1, 4, 0, 0, 0}, 1, 6), nil)
	golden.Near(t, "embedding", long.Values(), short.Values(), 1e-4)
	if length := long.Square().Sum().Item(); math.Abs(length-1) > 1e-5 {
		t.Errorf("an embedding has squared length %v", length)
	}
	for _, v := range m.EncodeText(d.Ints(make([]int32, 6), 1, 6), nil).Values() {
		if v != 0 {
			t.Fatalf("a caption of padding alone has %v in its embedding", v)
		}
	}
}

func TestTrainingFindsPairs(t *testing.T) {
	d := golden.CPU(t)
	m := build(t, d, reference())
	const n = 12
	g := tensor.NewGenerator(2)
	images := g.Uniform(d, n, 16, 16, 3).Scale(2).AddScalar(-1)
	ids, match := make([]int32, n*6), make([]int, n)
	for i := range n {
		ids[6*i], ids[6*i+1], match[i] = int32(1+i), int32(1+i%5), i
	}
	text := d.Ints(ids, n, 6)
	adam := golden.NewAdam(d, m, 1e-3, 0.999, 0)
	var first, last float64
	for step := 1; step <= 60; step++ {
		s := d.Record()
		nn.ZeroGrad(m)
		loss := m.Loss(text, images, nil)
		loss.Backward()
		adam.Step()
		if last = loss.Item(); step == 1 {
			first = last
		}
		s.End()
	}
	better := Retrieve(m.EncodeText(text, nil), m.EncodeImages(images), match)
	if recall := Recall(better, 1); last > 0.2*first || recall < 0.99 {
		t.Errorf("the loss went from %.3f to %.3f, and %.0f %% of the captions find their picture", first, last, 100*recall)
	}
}

func TestRetrieve(t *testing.T) {
	d := golden.CPU(t)
	candidates := d.From([]float32{1, 0, 0, 1, 0.8, 0.6}, 3, 2)
	queries := d.From([]float32{1, 0, 1, 0, 0, 1, 0, 0}, 4, 2)
	better := Retrieve(queries, candidates, []int{0, 2, 0, 1})
	if want := []int{0, 1, 2, 2}; !slices.Equal(better, want) { // the last query is equally similar to all candidates
		t.Errorf("%v better candidates, want %v", better, want)
	}
	if r := Recall(better, 2); r != 0.5 {
		t.Errorf("recall among two is %v, want 0.5", r)
	}
}

func TestImpossibleConfigs(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"TextTokens 1:":          func(c *Config) { c.TextTokens = 1 },
		"TextLen 0":              func(c *Config) { c.TextLen = 0 },
		"ImageSize -8":           func(c *Config) { c.ImageSize = -8 },
		"PatchSize 7":            func(c *Config) { c.PatchSize = 7 },
		"PatchSize 0":            func(c *Config) { c.PatchSize = 0 },
		"PatchSize 1:":           func(c *Config) { c.ImageSize, c.PatchSize = 512, 1 },
		"Text.Dim 1099511627776": func(c *Config) { c.Text.Dim = 1 << 40 },
		"Channels 1:":            func(c *Config) { c.Channels = 1 },
		"Latent 0":               func(c *Config) { c.Latent = 0 },
		"Text.Heads 0":           func(c *Config) { c.Text.Heads = 0 },
		"Image.Dim 0":            func(c *Config) { c.Image.Dim = 0 },
		"Dropout 1:":             func(c *Config) { c.Dropout = 1 },
		"million":                func(c *Config) { c.TextTokens, c.Text.Dim = maxTokens, 4096 },
	} {
		c := DefaultConfig()
		if err := c.Validate(); err != nil {
			t.Fatal(err)
		}
		change(&c)
		var wrong *fault.FieldError
		if err := c.Validate(); !errors.As(err, &wrong) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error about %s", err, want)
		}
	}
	m := build(t, golden.CPU(t), DefaultConfig())
	if millions := float64(nn.Count(m)) / 1e6; math.Abs(millions-7) > 0.5 {
		t.Errorf("the default CLIP has %.2f million parameters, want 7", millions)
	}
	if off := nn.Count(m) - DefaultConfig().products(); off < 0 || off > 40000 {
		t.Errorf("the count of parameters is off by %d", off)
	}
}

func TestNewNeedsDeviceAndGenerator(t *testing.T) {
	var wrong *fault.FieldError
	if _, err := New(nil, DefaultConfig(), tensor.NewGenerator(1)); !errors.As(err, &wrong) || wrong.Field != "Device" {
		t.Errorf("without a device: %v", err)
	}
	if _, err := New(golden.CPU(t), DefaultConfig(), nil); !errors.As(err, &wrong) || wrong.Field != "Generator" {
		t.Errorf("without a generator: %v", err)
	}
}
