package dalle

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/nn/sampling"
	"github.com/bestiary-ml/bestiary/nn/transformer"
	"github.com/bestiary-ml/bestiary/tensor"
)

// small is a model of pictures that are wider than high.
func small(change func(*Config)) Config {
	c := Config{
		TextTokens: 11, TextLen: 5, ImageCodes: 9, Height: 3, Width: 4, ImageLossWeight: 7,
		Transformer: transformer.Config{
			Dim: 16, Depth: 2, Heads: 2, DimHead: 8, FFMult: 2, ConvKernel: 3, ConvDilation: 1,
			ShiftTokens: true, Rotary: true,
		},
	}
	if change != nil {
		change(&c)
	}
	return c
}

func build(t *testing.T, d *tensor.Device, c Config) *DALLE {
	t.Helper()
	m, err := New(d, c, tensor.NewGenerator(3))
	if err != nil {
		t.Fatal(err)
	}
	m.SetTraining(false)
	enliven(m)
	return m
}

// enliven scales the branches to the size of the residual stream, so that errors in them are visible.
func enliven(m *DALLE) {
	g := tensor.NewGenerator(8)
	m.transformer.Visit("", func(p nn.Param) {
		if p.Tensor.Rank() == 1 {
			p.Tensor.Set(g.Normal(m.device, p.Tensor.Len()).AddScalar(0.5).Values())
		} else {
			p.Tensor.Set(g.Normal(m.device, p.Tensor.Shape()...).Scale(0.4).Values())
		}
	})
}

// variants are configurations that differ in how they compute attention, positions or residuals.
func variants() map[string]Config {
	all := map[string]Config{}
	for _, p := range transformer.Patterns {
		for i, change := range []func(*transformer.Config){
			func(c *transformer.Config) {},
			func(c *transformer.Config) { c.ShiftTokens = false },
			func(c *transformer.Config) { c.Rotary = false },
			func(c *transformer.Config) { c.Reversible = true },
			func(c *transformer.Config) { c.SandwichNorm, c.SharedAttn, c.SharedFF = true, []int{4, 4}, []int{7, 7} },
		} {
			name := fmt.Sprintf("%s/%s", p, []string{"plain", "no shift", "learned positions", "reversible", "sandwich, shared"}[i])
			all[name] = small(func(c *Config) {
				c.Transformer.Attention = []transformer.Pattern{p}
				c.Stable = i == 4
				change(&c.Transformer)
			})
		}
	}
	return all
}

// example returns the captions and pictures of a batch.
func example(c Config, batch int) (text, image []int32) {
	g := tensor.NewGenerator(5)
	for range batch {
		for p := range c.TextLen {
			id := 1 + g.Intn(c.TextTokens-1)
			if p == c.TextLen-1 {
				id = 0
			}
			text = append(text, int32(id))
		}
		for range c.Cells() {
			image = append(image, int32(g.Intn(c.ImageCodes)))
		}
	}
	return text, image
}

func TestGenerate(t *testing.T) {
	c := small(nil)
	d := golden.CPU(t)
	m := build(t, d, c)
	text, image := example(c, 3)
	pictures := func(primed int, which ...int) (p []Picture) {
		for _, i := range which {
			p = append(p, Picture{
				Text: text[i*c.TextLen : (i+1)*c.TextLen], Prime: image[i*c.Cells() : i*c.Cells()+primed],
				Random: tensor.NewGenerator(uint64(i)),
			})
		}
		return p
	}
	generate := func(p []Picture, s sampling.Options) [][]int32 {
		t.Helper()
		codes, err := m.Generate(context.Background(), p, s, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, picture := range codes {
			if len(picture) != c.Cells() {
				t.Fatalf("%d codes, want %d", len(picture), c.Cells())
			}
		}
		return codes
	}
	for name, s := range map[string]sampling.Options{
		"plain": sampling.Default(), "top-k": {Temperature: 0.7, TopK: 3, Guidance: 1},
		"guided": {Temperature: 1, Guidance: 3, TopP: 0.9}, "greedy": {Guidance: 1},
	} {
		t.Run(name, func(t *testing.T) {
			together := generate(pictures(0, 0, 1, 2), s)
			for i := range together {
				if alone := generate(pictures(0, i), s); !slices.Equal(alone[0], together[i]) {
					t.Errorf("picture %d is %v alone and %v with others", i, alone[0], together[i])
				}
			}
			primed := generate(pictures(6, 1, 2), s)
			for i, codes := range primed {
				if !slices.Equal(codes[:6], image[(i+1)*c.Cells():(i+1)*c.Cells()+6]) {
					t.Errorf("picture %d doesn't begin with the codes given: %v", i, codes)
				}
			}
		})
	}
	t.Run("rows", func(t *testing.T) {
		var rows []int
		_, err := m.Generate(context.Background(), pictures(5, 0, 1), sampling.Default(), func(n int, codes [][]int32) {
			rows = append(rows, n)
			if len(codes) != 2 || len(codes[0]) != n*c.Width || len(codes[1]) != n*c.Width {
				t.Errorf("%d codes after row %d", len(codes[0]), n)
			}
		})
		if err != nil || !slices.Equal(rows, []int{2, 3}) {
			t.Errorf("told of rows %v, error %v", rows, err)
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		_, err := m.Generate(ctx, pictures(0, 0), sampling.Default(), func(n int, _ [][]int32) { cancel() })
		if err != context.Canceled {
			t.Errorf("error %v, want that of the context", err)
		}
	})
}

// Guidance uses the logits null + (conditional − null)·scale.
func TestGuidance(t *testing.T) {
	c := small(nil)
	d := golden.CPU(t)
	m := build(t, d, c)
	text, image := example(c, 1)
	_, with := m.Logits(text, image)
	_, without := m.Logits(make([]int32, c.TextLen), image)
	last := c.Cells() - 1
	w, n := with.Slice(1, last, last+1).Values(), without.Slice(1, last, last+1).Values()
	best := 0
	for i := range w {
		if n[i]+(w[i]-n[i])*2.5 > n[best]+(w[best]-n[best])*2.5 {
			best = i
		}
	}
	p := []Picture{{Text: text, Prime: image[:last], Random: tensor.NewGenerator(1)}}
	codes, err := m.Generate(context.Background(), p, sampling.Options{Guidance: 2.5}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if codes[0][last] != int32(best) {
		t.Errorf("the last code is %d, want %d", codes[0][last], best)
	}
}

func TestCompleteText(t *testing.T) {
	c := small(nil)
	d := golden.CPU(t)
	m := build(t, d, c)
	ended := 0
	for seed := range uint64(40) {
		got, err := m.CompleteText(context.Background(), []int32{4, 2, 0}, sampling.Default(), tensor.NewGenerator(seed))
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != c.TextLen || got[0] != 4 || got[1] != 2 {
			t.Fatalf("completed to %v", got)
		}
		for p, id := range got {
			if id < 0 || int(id) >= c.TextTokens || id != 0 && p > 0 && got[p-1] == 0 {
				t.Errorf("completed to %v", got)
			}
		}
		if got[c.TextLen-1] == 0 {
			ended++
		}
	}
	if ended == 0 || ended == 40 {
		t.Errorf("%d of 40 captions ended early", ended)
	}
	full := []int32{1, 2, 3, 4, 5}
	if got, err := m.CompleteText(context.Background(), full, sampling.Default(), tensor.NewGenerator(1)); err != nil || !slices.Equal(got, full) {
		t.Errorf("a caption without room becomes %v, error %v", got, err)
	}
}
