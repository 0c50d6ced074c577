package dalle

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/nn/sampling"
	"github.com/bestiary-ml/bestiary/nn/transformer"
	"github.com/bestiary-ml/bestiary/tensor"
)

func TestDefaultSize(t *testing.T) {
	m, err := New(golden.CPU(t), DefaultConfig(), tensor.NewGenerator(1))
	if err != nil {
		t.Fatal(err)
	}
	// 3.7 million a layer, and twice 2,048 + 64 + 1,024 rows of 512.
	if millions := float64(nn.Count(m)) / 1e6; math.Abs(millions-10.6) > 0.1 {
		t.Errorf("the default DALL-E has %.2f million parameters, want 10.6", millions)
	}
	c := DefaultConfig()
	if n := c.products(); math.Abs(float64(n-nn.Count(m))) > 0.01*float64(n) {
		t.Errorf("the bound counts %d parameters of %d", n, nn.Count(m))
	}
}

func TestImpossibleConfigs(t *testing.T) {
	d := golden.CPU(t)
	for want, change := range map[string]func(*Config){
		"TextTokens 1":                 func(c *Config) { c.TextTokens = 1 },
		"ImageCodes 0":                 func(c *Config) { c.ImageCodes = 0 },
		"TextLen 0":                    func(c *Config) { c.TextLen = 0 },
		"Height 0":                     func(c *Config) { c.Height = 0 },
		"Height 512":                   func(c *Config) { c.Height, c.Width = 512, 512 },
		"ImageLossWeight -1":           func(c *Config) { c.ImageLossWeight = -1 },
		"NullProb NaN":                 func(c *Config) { c.NullProb = math.NaN() },
		"Dim 0":                        func(c *Config) { c.Transformer.Dim = 0 },
		"Dim 1099511627776":            func(c *Config) { c.Transformer.Dim = 1 << 40 },
		"TextTokens 1099511627776":     func(c *Config) { c.TextTokens = 1 << 40 },
		"Width 1099511627776":          func(c *Config) { c.Width = 1 << 40 },
		"Dim 1:":                       func(c *Config) { c.Transformer.Dim = 1 },
		"Depth -1":                     func(c *Config) { c.Transformer.Depth = -1 },
		"Heads 0":                      func(c *Config) { c.Transformer.Heads = 0 },
		"DimHead 4":                    func(c *Config) { c.Transformer.DimHead = 4 },
		"FFMult 0":                     func(c *Config) { c.Transformer.FFMult = 0 },
		"Heads 256":                    func(c *Config) { c.Transformer.Heads, c.Transformer.DimHead = 256, 128 },
		"AttnDropout 1":                func(c *Config) { c.Transformer.AttnDropout = 1 },
		"FFDropout NaN":                func(c *Config) { c.Transformer.FFDropout = math.NaN() },
		"Checkpoint":                   func(c *Config) { c.Transformer.Checkpoint = true },
		"Attention mlp":                func(c *Config) { c.Transformer.Attention = []transformer.Pattern{"mlp"} },
		"as many patterns as Depth, 2": func(c *Config) { c.Transformer.Attention = []transformer.Pattern{"full", "full", "full"} },
		"ConvKernel 0": func(c *Config) {
			c.Transformer.Attention, c.Transformer.ConvKernel = []transformer.Pattern{"conv_like"}, 0
		},
		"SharedFF [1]": func(c *Config) { c.Transformer.SharedFF = []int{1} },
		"SharedAttn [0 0]": func(c *Config) {
			c.Transformer.SharedAttn, c.Transformer.Attention = []int{0, 0}, []transformer.Pattern{"full", "axial_row"}
		},
		"million": func(c *Config) { c.Transformer.Dim, c.TextTokens = 1<<13, 1<<20 },
	} {
		c := DefaultConfig()
		change(&c)
		var wrong *fault.FieldError
		if err := c.Validate(); !errors.As(err, &wrong) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error about %s", err, want)
		}
		if _, err := New(d, c, tensor.NewGenerator(1)); !errors.As(err, &wrong) {
			t.Errorf("a model was built in spite of %s", want)
		}
	}
	if _, err := New(nil, DefaultConfig(), tensor.NewGenerator(1)); err == nil {
		t.Error("a model was built without a device")
	}
	if _, err := New(d, DefaultConfig(), nil); err == nil {
		t.Error("a model was built without a generator")
	}
}

func TestImpossiblePictures(t *testing.T) {
	c := small(nil)
	m := build(t, golden.CPU(t), c)
	for want, p := range map[string]Picture{
		"6 tokens":    {Text: make([]int32, 6)},
		"token 11":    {Text: []int32{11}},
		"token -1":    {Text: []int32{-1}},
		"code 9":      {Prime: []int32{9}},
		"12 codes":    {Prime: make([]int32, 12)},
		"0 codes and": {},
	} {
		pictures := []Picture{p}
		if want == "0 codes and" {
			pictures = []Picture{{Prime: []int32{1}}, {}}
		}
		if _, err := m.Generate(context.Background(), pictures, sampling.Default(), nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error about %s", err, want)
		}
	}
	if _, err := m.CompleteText(context.Background(), []int32{99}, sampling.Default(), nil); err == nil || !strings.Contains(err.Error(), "token 99") {
		t.Errorf("got %v, want an error about token 99", err)
	}
	if _, err := m.CompleteText(context.Background(), []int32{1}, sampling.Options{Guidance: 3}, nil); err == nil || !strings.Contains(err.Error(), "Guidance 3: must be 1") {
		t.Errorf("got %v, want an error about the guidance scale", err)
	}
}
