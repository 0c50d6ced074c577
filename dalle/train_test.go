package dalle

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/cpu"
	"github.com/bestiary-ml/bestiary/internal/cpu/gemm"
	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/nn/sampling"
	"github.com/bestiary-ml/bestiary/tensor"
)

func TestNullCaptions(t *testing.T) {
	d := golden.CPU(t)
	c := small(func(c *Config) { c.NullProb = 0.25 })
	m := build(t, d, c)
	text, image := example(c, 400)
	ids := m.ids(text, image, tensor.NewGenerator(1))
	left := 0
	for i := range 400 {
		row := ids[i*(c.TextLen+1) : (i+1)*(c.TextLen+1)]
		empty := int(row[1]) == c.TextTokens
		if empty {
			left++
		}
		for p, id := range row[1:] {
			want := text[i*c.TextLen+p]
			if empty || want == 0 {
				want = int32(c.TextTokens + p)
			}
			if id != want {
				t.Fatalf("caption %d became %v", i, row)
			}
		}
	}
	if left < 70 || left > 130 {
		t.Errorf("%d of 400 captions left out, want about 100", left)
	}
}

// learn trains a new model on two captions and their pictures, and returns it with the losses.
func learn(t *testing.T, d *tensor.Device, c Config, text, image []int32) (m *DALLE, losses []float64) {
	t.Helper()
	m, err := New(d, c, tensor.NewGenerator(1))
	if err != nil {
		t.Fatal(err)
	}
	adam := golden.NewAdam(d, m, 1e-2, 0.99, 0)
	for range 60 {
		s := d.Record()
		loss, _, _ := m.Loss(text, image, nil)
		nn.ZeroGrad(m)
		loss.Backward()
		adam.Step()
		losses = append(losses, loss.Item())
		s.End()
	}
	if first, last := losses[0], losses[len(losses)-1]; !(last < 0.2 && last < first/5) {
		t.Fatalf("the loss went from %.3f to %.3f, want it near zero", first, last)
	}
	return m, losses
}

// A small model overfits two captions and their pictures.
func TestLearns(t *testing.T) {
	c := small(nil)
	text, image := example(c, 2)
	m, _ := learn(t, golden.CPU(t), c, text, image)
	m.SetTraining(false)
	codes, err := m.Generate(context.Background(), []Picture{{Text: text[:c.TextLen]}, {Text: text[c.TextLen:]}}, sampling.Options{Guidance: 1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := slices.Concat(codes...); !slices.Equal(got, image) {
		t.Errorf("generated %v, want %v", got, image)
	}
}

// TestLearnsInBFloat16 trains with products and attention in bfloat16, also of split operands: losses are near those of float32.
func TestLearnsInBFloat16(t *testing.T) {
	if simd.BF16For(simd.Detect()) == nil {
		t.Skip("this processor has no AVX512-BF16")
	}
	c := small(func(c *Config) {
		c.Height, c.Width, c.Transformer.Dim, c.Transformer.DimHead, c.Transformer.Rotary = 8, 8, 64, 32, true
	})
	text, image := example(c, 2)
	losses := func(a gemm.Arithmetic) (all []float64) {
		d, k := golden.CPU(t), cpu.NewIn(simd.Detect(), 1, a)
		defer k.Close()
		engine.With(d, k, func() { _, all = learn(t, d, c, text, image) })
		return all
	}
	plain := losses(gemm.Float32)
	for a, tolerance := range map[gemm.Arithmetic]float64{gemm.BFloat16: 0.02, gemm.SplitBFloat16: 2e-4} {
		all := losses(a)
		for step, loss := range all {
			if math.Abs(loss-plain[step]) > tolerance*plain[step] {
				t.Errorf("%v: the loss of step %d is %g, in float32 %g", a, step+1, loss, plain[step])
			}
		}
		if slices.Equal(all, plain) {
			t.Errorf("%v: losses are those of float32", a)
		}
	}
}
