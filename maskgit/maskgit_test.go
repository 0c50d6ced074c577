package maskgit

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/internal/gradcheck"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/nn/sampling"
	"github.com/bestiary-ml/bestiary/nn/transformer"
	"github.com/bestiary-ml/bestiary/tensor"
)

// small is a tiny configuration.
func small() Config {
	return Config{
		TextTokens: 9, TextLen: 4, ImageCodes: 7, Height: 3, Width: 4, LabelSmoothing: 0.1,
		Transformer: transformer.Config{Dim: 8, Depth: 2, Heads: 2, DimHead: 4, FFMult: 2},
	}
}

func build(t testing.TB, d *tensor.Device, c Config) *Model {
	t.Helper()
	m, err := New(d, c, tensor.NewGenerator(1))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// Gradients of a tiny model in every parameter, against central differences in float64.
func TestGradients(t *testing.T) {
	d := gradcheck.Device(t)
	c := small()
	c.Height, c.Width = 2, 2
	m := build(t, d, c)
	var inputs []*tensor.Tensor
	for _, p := range nn.Trainable(m) {
		inputs = append(inputs, p.Tensor)
	}
	codes, captions := []int32{1, Masked, 3, 6, Masked, 0, 2, Masked}, [][]int32{{3, 1, 4}, nil}
	gradcheck.Check(t, func() *tensor.Tensor { return m.Logits(codes, captions) }, inputs...)
	gradcheck.Check(t, func() *tensor.Tensor {
		loss, _ := m.lossOf(captions, []int32{1, 2, 3, 6, 5, 0, 2, 4}, []float64{0.5, 0.9}, tensor.NewGenerator(1))
		return loss
	}, inputs...)
}

// Label smoothing weighs the cross-entropy with the label and the mean over all codes.
func TestLoss(t *testing.T) {
	d := golden.CPU(t)
	c := small()
	m := build(t, d, c)
	codes := []int32{1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4, 5}
	loss, plain := m.lossOf([][]int32{{1}}, codes, []float64{1}, tensor.NewGenerator(1))
	logits := m.Logits(slices.Repeat([]int32{Masked}, 12), [][]int32{{1}}).LogSoftmax(-1).Values()
	own, all := 0.0, 0.0
	for i, code := range codes {
		own -= float64(logits[i*7+int(code)]) / 12
		for _, l := range logits[i*7 : i*7+7] {
			all -= float64(l) / (12 * 7)
		}
	}
	if got, want := loss.Item(), 0.9*own+0.1*all; math.Abs(got-want) > 1e-5 || math.Abs(plain.Item()-own) > 1e-5 {
		t.Errorf("loss %v and %v, want %v and %v", got, plain.Item(), want, own)
	}
	if n, want := c.products(), nn.Count(m); math.Abs(float64(n-want)) > 0.3*float64(want) {
		t.Errorf("the bound counts %d parameters of %d", n, want)
	}
	if !strings.Contains(m.String(), "3×4 codes") {
		t.Error(m)
	}
}

// Every code and every token of the caption changes every prediction: the model is bidirectional. Padding changes none.
func TestBidirectional(t *testing.T) {
	d := golden.CPU(t)
	c := small()
	m := build(t, d, c)
	codes := []int32{Masked, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4, Masked}
	base := m.Logits(codes, [][]int32{{1, 2}}).Values()
	differs := func(what string, want bool, got []float32) {
		t.Helper()
		for i := range 2 {
			if slices.Equal(got[i*7:i*7+7], base[i*7:i*7+7]) == want {
				t.Errorf("%s: logits of masked code %d", what, i)
			}
		}
	}
	for cell := 1; cell < 11; cell++ {
		other := slices.Clone(codes)
		other[cell] = (other[cell] + 1) % 7
		differs("another code", true, m.Logits(other, [][]int32{{1, 2}}).Values())
	}
	differs("another caption", true, m.Logits(codes, [][]int32{{1, 3}}).Values())
	differs("padding", false, m.Logits(codes, [][]int32{{1, 2, 0, 0}}).Values())
	longer := m.Logits(slices.Concat(codes, codes), [][]int32{{1, 2}, {5, 6, 7, 8}}).Values()
	golden.Near(t, "beside a longer caption", longer[:14], base, 1e-4)
}

func example(first, n int) (all []Picture) {
	captions := [][]int32{{1, 2, 3, 4}, {5}, nil, {7, 8}}
	for i := first; i < first+n; i++ {
		all = append(all, Picture{Text: captions[i%4], Random: tensor.NewGenerator(uint64(i))})
	}
	return all
}

func generate(t *testing.T, m *Model, pictures []Picture, o Options) [][]int32 {
	t.Helper()
	codes, err := m.Generate(context.Background(), pictures, o, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, own := range codes {
		if len(own) != m.config.Cells() || slices.Contains(own, Masked) {
			t.Fatalf("codes %v", own)
		}
	}
	return codes
}

// A picture alone equals the same picture in a batch; the same seed gives the same picture.
func TestAlone(t *testing.T) {
	d := golden.CPU(t)
	m := build(t, d, small())
	for _, change := range []func(*Options){
		func(*Options) {},
		func(o *Options) { o.Sampling.Guidance, o.Passes = 3, 5 },
		func(o *Options) { o.Sampling.Temperature, o.Sampling.TopK, o.Choice = 0.7, 3, 0 },
	} {
		o := DefaultOptions()
		change(&o)
		together := generate(t, m, example(0, 4), o)
		for i := range 4 {
			if alone := generate(t, m, example(i, 1), o); !slices.Equal(alone[0], together[i]) {
				t.Errorf("%+v: picture %d is %v alone and %v together", o, i, alone[0], together[i])
			}
		}
		if slices.Equal(together[0], together[1]) {
			t.Error("two seeds give the same picture")
		}
	}
	o := DefaultOptions()
	o.Sampling.Temperature = 0
	p := example(0, 2)
	p[0].Random, p[1].Random = nil, nil
	p[1].Text = p[0].Text
	if greedy := generate(t, m, p, o); !slices.Equal(greedy[0], greedy[1]) {
		t.Error("greedy pictures of one caption differ")
	}
}

// Guidance 1 samples by the logits with the caption, 0 by those without.
func TestGuidance(t *testing.T) {
	d := golden.CPU(t)
	c := small()
	m := build(t, d, c)
	for _, scale := range []float64{1, 0, 2.5} {
		o := DefaultOptions()
		o.Sampling.Guidance = scale
		r := run{model: m, options: o, pictures: example(0, 1), codes: [][]int32{slices.Repeat([]int32{Masked}, c.Cells())}}
		with := m.Logits(r.codes[0], [][]int32{{1, 2, 3, 4}})
		without := m.Logits(r.codes[0], [][]int32{nil})
		want := without.Add(with.Sub(without).Scale(scale))
		golden.Near(t, "logits", r.logits(), want.Values(), 1e-4)
	}
}

// Known codes are kept, and after pass s of S as many others are masked as the cosine says.
func TestKnown(t *testing.T) {
	d := golden.CPU(t)
	c := small()
	m := build(t, d, c)
	known := slices.Repeat([]int32{Masked}, c.Cells())
	known[0], known[7] = 3, 5
	p := example(0, 1)
	p[0].Known = known
	o := DefaultOptions()
	o.Passes = 4
	passes := 0
	codes, err := m.Generate(context.Background(), p, o, func(n int, codes [][]int32) {
		if passes++; n != passes || slices.Contains(codes[0], Masked) || codes[0][0] != 3 || codes[0][7] != 5 {
			t.Errorf("after pass %d: %v", n, codes)
		}
	})
	if err != nil || passes != 4 || codes[0][0] != 3 || codes[0][7] != 5 || known[1] != Masked {
		t.Errorf("%v after %d passes: %v", codes, passes, err)
	}
	r := &run{model: m, options: o, pictures: p,
		codes: [][]int32{slices.Clone(known)}, sampled: [][]int32{slices.Clone(known)}, unknown: []int{10}}
	for n, want := range []int{9, 7, 3, 0} { // ⌊10·cos(π/8·n)⌋
		if err := r.pass(n + 1); err != nil {
			t.Fatal(err)
		}
		masked := 0
		for _, code := range r.codes[0] {
			if code == Masked {
				masked++
			}
		}
		if masked != want {
			t.Errorf("%d codes masked after pass %d, want %d", masked, n+1, want)
		}
	}
	p[0].Known = slices.Repeat([]int32{2}, c.Cells())
	if codes := generate(t, m, p, o); !slices.Equal(codes[0], p[0].Known) {
		t.Errorf("a known picture became %v", codes[0])
	}
}

// A small model learns the pictures of two captions.
func TestLearns(t *testing.T) {
	d := golden.CPU(t)
	c := small()
	c.Transformer.Dim, c.LabelSmoothing = 16, 0
	m := build(t, d, c)
	text, codes := []int32{1, 0, 0, 0, 2, 0, 0, 0}, []int32{1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6, 6, 5, 4, 3, 2, 1, 6, 5, 4, 3, 2, 1}
	adam, g := golden.NewAdam(d, m, 1e-2, 0.99, 0), tensor.NewGenerator(2)
	for range 400 {
		s := d.Record()
		loss, _ := m.Loss(text, codes, g)
		nn.ZeroGrad(m)
		loss.Backward()
		adam.Step()
		s.End()
	}
	m.SetTraining(false)
	p := example(0, 2)
	p[0].Text, p[1].Text = text[:1], text[4:5]
	o := DefaultOptions()
	o.Choice, o.Sampling.Temperature = 0, 0
	if got := slices.Concat(generate(t, m, p, o)...); !slices.Equal(got, codes) {
		t.Errorf("generated %v, want %v", got, codes)
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

func TestWrongOptions(t *testing.T) {
	d := golden.CPU(t)
	c := small()
	m := build(t, d, c)
	for want, try := range map[string]func(*Options, *Picture){
		"Passes -1":         func(o *Options, _ *Picture) { o.Passes = -1 },
		"Choice NaN":        func(o *Options, _ *Picture) { o.Choice = math.NaN() },
		"Temperature -1":    func(o *Options, _ *Picture) { o.Sampling.Temperature = -1 },
		"Text has 5":        func(_ *Options, p *Picture) { p.Text = make([]int32, 5) },
		"Random":            func(_ *Options, p *Picture) { p.Random = nil },
		"Known picture 1 h": func(_ *Options, p *Picture) { p.Known = make([]int32, 3) },
		"has code 7":        func(_ *Options, p *Picture) { p.Known = slices.Repeat([]int32{7}, 12) },
	} {
		o, p := DefaultOptions(), example(0, 1)[0]
		try(&o, &p)
		_, err := m.Generate(context.Background(), []Picture{p}, o, nil)
		var wrong *fault.FieldError
		if !errors.As(err, &wrong) || !strings.Contains(strings.ReplaceAll(err.Error(), ":", ""), want) {
			t.Errorf("%v, want an error about %s", err, want)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	if _, err := m.Generate(ctx, example(0, 1), DefaultOptions(), func(int, [][]int32) { cancel() }); !errors.Is(err, context.Canceled) {
		t.Errorf("after cancelling: %v", err)
	}
	m.head.Bias.Set(slices.Repeat([]float32{float32(math.NaN())}, c.ImageCodes))
	var unusable *sampling.LogitsError
	if _, err := m.Generate(context.Background(), example(0, 1), DefaultOptions(), nil); !errors.As(err, &unusable) {
		t.Errorf("with NaN: %v", err)
	}
}

func TestImpossibleConfigs(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"Height 0":         func(c *Config) { c.Height = 0 },
		"LabelSmoothing 1": func(c *Config) { c.LabelSmoothing = 1 },
		"ShiftTokens":      func(c *Config) { c.Transformer.ShiftTokens = true },
		"Rotary":           func(c *Config) { c.Transformer.Rotary, c.Transformer.DimHead = true, 6 },
		"Dim 0":            func(c *Config) { c.Transformer.Dim = 0 },
		"Dim 16384":        func(c *Config) { c.Transformer.Dim, c.Transformer.Depth = 1<<14, 512 },
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
