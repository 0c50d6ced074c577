package vqgan

import (
	"errors"
	"slices"
	"testing"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// coding returns a small configuration with a codebook.
func coding(bottleneck string) Config {
	c := small()
	c.Bottleneck, c.KLWeight, c.ZChannels, c.Embed = bottleneck, 0, 4, 4
	switch bottleneck {
	case VQ:
		c.Codes, c.Commitment = 7, 0.25
	case Gumbel:
		c.Codes, c.KLWeight = 7, 0.3
	case FSQ:
		c.Levels = []int{8, 5, 4, 3}
	}
	return c
}

// identity makes quant_conv the identity, so that features are latents.
func identity(conv *nn.Conv2d) {
	w := make([]float32, conv.Weight.Len())
	n := conv.Weight.Dim(3)
	for i := range n {
		w[i*n+i] = 1
	}
	conv.Weight.Set(w)
	conv.Bias.Set(make([]float32, n))
}

// quantized compares forward's latents, penalty, codes and gradients with those of a golden file. Gradients of other
// tensors are given by their names.
func quantized(t *testing.T, d *tensor.Device, f *safetensors.File, name string, scale float64, forward func(z *tensor.Tensor) latents, others map[string]*tensor.Tensor) {
	t.Helper()
	s := d.Record()
	defer s.End()
	z := golden.Tensor(t, d, f, "z").Scale(scale).Detach().SetRequiresGrad(true)
	l := forward(z)
	loss := l.z.Mul(golden.Tensor(t, d, f, "upstream")).Sum().Reshape(1)
	if l.penalty != nil {
		loss = loss.Add(l.penalty)
		golden.Near(t, "penalty", l.penalty.Values(), golden.Floats(t, f, name+".loss"), 1e-5)
	}
	loss.Backward()
	if got, want := l.codes.IntValues(), golden.Ints(t, f, name+".codes"); !slices.Equal(got, want) {
		t.Errorf("codes %v, want %v", got, want)
	}
	near := func(what string, got *tensor.Tensor) {
		t.Helper()
		want := golden.Tensor(t, d, f, name+"."+what) // [N, C, H, W] becomes [N, H, W, C]
		golden.Near(t, what, got.Values(), want.Values(), 1e-5)
	}
	near("zq", l.z)
	near("grad.z", z.Grad())
	for what, p := range others {
		near("grad."+what, p.Grad())
	}
}

// TestQuantizers compares with taming-transformers' code and with the formulas of papers, see testdata/make_quantizers.py.
func TestQuantizers(t *testing.T) {
	f := golden.Read(t, "testdata/quantizers.safetensors")
	for name, change := range map[string]func(c *Config){
		"vq": func(*Config) {}, "legacy": func(c *Config) { c.Legacy = true }, "cosine": func(c *Config) { c.Cosine = true },
	} {
		t.Run(name, func(t *testing.T) {
			golden.KernelSets(t, func(t *testing.T, d *tensor.Device) {
				c := coding(VQ)
				change(&c)
				q := build(t, d, c).bottleneck.(*quantizer)
				identity(q.quantConv)
				q.table.Set(golden.Floats(t, f, "table"))
				quantized(t, d, f, name, 1, func(z *tensor.Tensor) latents { return q.forward(z, nil) }, map[string]*tensor.Tensor{"table": q.table})
			})
		})
	}
	for name, levels := range map[string][]int{"fsq": {8, 5, 4, 3}, "fsq_odd": {7, 5, 5, 5}, "fsq_two": {2, 2, 3, 2}} {
		t.Run(name, func(t *testing.T) {
			golden.KernelSets(t, func(t *testing.T, d *tensor.Device) {
				c := coding(FSQ)
				c.Levels = levels
				b := build(t, d, c).bottleneck.(*finite)
				identity(b.quantConv)
				quantized(t, d, f, name, 2, func(z *tensor.Tensor) latents { return b.forward(z, nil) }, nil)
				zq := b.entries(d.Ints(golden.Ints(t, f, name+".codes"), 18))
				golden.Near(t, "entries", zq.Values(), golden.Floats(t, f, name+".zq"), 1e-6)
			})
		})
	}
}

// TestGumbelQuantizer compares with taming-transformers' GumbelQuantize.
func TestGumbelQuantizer(t *testing.T) {
	f := golden.Read(t, "testdata/quantizers.safetensors")
	golden.KernelSets(t, func(t *testing.T, d *tensor.Device) {
		m := build(t, d, coding(Gumbel))
		m.SetTemperature(0.7)
		b := m.bottleneck.(*gumbel)
		identity(b.quantConv)
		b.proj.Weight.Set(golden.Tensor(t, d, f, "gumbel.proj.weight").Permute(1, 2, 3, 0).Reshape(4, 7).Values()) // [out, 1, 1, in] → [in, out]
		b.proj.Bias.Set(golden.Floats(t, f, "gumbel.proj.bias"))
		b.embed.Weight.Set(golden.Floats(t, f, "gumbel.embed"))
		forward := func(z *tensor.Tensor) latents {
			return b.forwardWith(z, func(...int) *tensor.Tensor { return golden.Tensor(t, d, f, "gumbel.noise") })
		}
		quantized(t, d, f, "gumbel", 1, forward, map[string]*tensor.Tensor{"embed": b.embed.Weight})
	})
}

// TestMovingAverages compares two steps with the formula.
func TestMovingAverages(t *testing.T) {
	f := golden.Read(t, "testdata/quantizers.safetensors")
	golden.KernelSets(t, func(t *testing.T, d *tensor.Device) {
		c := coding(VQ)
		c.EMADecay = 0.9
		q := build(t, d, c).bottleneck.(*quantizer)
		identity(q.quantConv)
		q.table.Set(golden.Floats(t, f, "table"))
		q.sum.Set(golden.Floats(t, f, "table"))
		q.forward(golden.Tensor(t, d, f, "z"), nil) // in evaluation mode, nothing moves
		q.SetTraining(true)
		for range 2 {
			s := d.Record()
			q.forward(golden.Tensor(t, d, f, "z"), nil)
			s.End()
		}
		for name, p := range map[string]*tensor.Tensor{"count": q.count, "sum": q.sum, "table": q.table} {
			golden.Near(t, name, p.Values(), golden.Floats(t, f, "ema."+name), 1e-5)
		}
	})
}

// TestRestart moves dead codes to latents, where they are used.
func TestRestart(t *testing.T) {
	d := golden.CPU(t)
	for _, decay := range []float64{0, 0.99} {
		c := coding(VQ)
		c.EMADecay, c.Codes = decay, 40
		m := build(t, d, c)
		q := m.bottleneck.(*quantizer)
		table := q.table.Values()
		for i := range table[4:] {
			table[4+i] = 1e3 // far from all latents
		}
		q.table.Set(table)
		x := waves(d, 2, c.ImageSize, 3)
		var dead []int
		for code := 1; code < c.Codes; code++ {
			dead = append(dead, code)
		}
		if n := m.Restart(x, dead, tensor.NewGenerator(3)); n != 2*c.Grid()*c.Grid() {
			t.Errorf("%d codes are moved, want one for each of the %d positions", n, 2*c.Grid()*c.Grid())
		}
		used := map[int32]bool{}
		for _, code := range m.Codes(x).IntValues() {
			used[code] = true
		}
		if len(used) != 2*c.Grid()*c.Grid() {
			t.Errorf("%d codes are used, want one for each position", len(used))
		}
		if got := m.Reconstruct(x).Values(); !slices.Equal(got, m.DecodeCodes(m.Codes(x)).Values()) {
			t.Error("Reconstruct isn't DecodeCodes of Codes")
		}
	}
}

// TestCoding encodes, decodes and trains with every bottleneck with codes.
func TestCoding(t *testing.T) {
	d := golden.CPU(t)
	for name, change := range map[string]func(*Config){
		"vq": func(c *Config) { *c = coding(VQ) }, "ema": func(c *Config) { *c = coding(VQ); c.EMADecay = 0.9 },
		"cosine":     func(c *Config) { *c = coding(VQ); c.Cosine = true },
		"cosine ema": func(c *Config) { *c = coding(VQ); c.Cosine, c.EMADecay = true, 0.9 },
		"gumbel":     func(c *Config) { *c = coding(Gumbel); c.KLWeight = 5e-4 }, "fsq": func(c *Config) { *c = coding(FSQ) },
	} {
		t.Run(name, func(t *testing.T) {
			c := small()
			change(&c)
			m, err := NewVQ(d, c, tensor.NewGenerator(1))
			if err != nil {
				t.Fatal(err)
			}
			x := waves(d, 4, c.ImageSize, 3)
			o := Objective{Model: m, Generator: tensor.NewGenerator(2)}
			adam := golden.NewAdam(d, m, 3e-3, 0.99, 0)
			var first, last float64
			m.SetTraining(true)
			for step := range 60 {
				s := d.Record()
				nn.ZeroGrad(m)
				r := o.Loss(x, false)
				r.Loss.Backward()
				adam.Step()
				if last = r.Pixels.Item(); step == 0 {
					first = last
				}
				s.End()
			}
			m.SetTraining(false)
			if !(last < 0.9*first) {
				t.Errorf("the error went from %.3f to %.3f", first, last)
			}
			codes := m.Codes(x)
			if want := []int{4, c.Grid() * c.Grid()}; !slices.Equal(codes.Shape(), want) {
				t.Fatalf("codes %v, want %v", codes.Shape(), want)
			}
			for _, code := range codes.IntValues() {
				if code < 0 || int(code) >= m.CodebookSize() {
					t.Fatalf("code %d of %d", code, m.CodebookSize())
				}
			}
			golden.Near(t, "pictures", m.DecodeCodes(codes).Values(), m.Decode(m.Encode(x)).Values(), 1e-5)
		})
	}
}

func TestValidateCodes(t *testing.T) {
	for _, x := range []struct {
		field, bottleneck string
		change            func(*Config)
	}{
		{"Codes", VQ, func(c *Config) { c.Codes = 1 }},
		{"Codes", Gumbel, func(c *Config) { c.Codes = 1 << 20 }},
		{"Codes", FSQ, func(c *Config) { c.Codes = 5 }},
		{"Codes", KL, func(c *Config) { c.Codes = 5 }},
		{"Commitment", VQ, func(c *Config) { c.Commitment = -1 }},
		{"Commitment", Gumbel, func(c *Config) { c.Commitment = 1 }},
		{"EMADecay", VQ, func(c *Config) { c.EMADecay = 1 }},
		{"EMADecay", FSQ, func(c *Config) { c.EMADecay = 0.9 }},
		{"Legacy", VQ, func(c *Config) { c.Legacy, c.EMADecay = true, 0.9 }},
		{"Cosine", Gumbel, func(c *Config) { c.Cosine = true }},
		{"Levels", FSQ, func(c *Config) { c.Levels = []int{3} }},
		{"Levels", FSQ, func(c *Config) { c.Levels = []int{3, 3, 3, 1} }},
		{"Levels", FSQ, func(c *Config) { c.Levels = []int{60000, 60000, 60000, 60000} }},
		{"Levels", VQ, func(c *Config) { c.Levels = []int{3} }},
		{"KLWeight", VQ, func(c *Config) { c.KLWeight = 1 }},
		{"Noise", FSQ, func(c *Config) { c.Noise = 1 }},
	} {
		c := small()
		if x.bottleneck != KL {
			c = coding(x.bottleneck)
		}
		if err := c.Validate(); err != nil {
			t.Fatal(x.bottleneck, err)
		}
		x.change(&c)
		var wrong *fault.FieldError
		if err := c.Validate(); !errors.As(err, &wrong) || wrong.Field != x.field {
			t.Errorf("%s of %s: %v", x.field, x.bottleneck, err)
		}
	}
	if _, err := NewVQ(golden.CPU(t), small(), tensor.NewGenerator(1)); err == nil {
		t.Error("continuous latents are taken for codes")
	}
}
