package dalle

import (
	"context"
	"slices"
	"testing"

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

// A small model overfits two captions and their pictures.
func TestLearns(t *testing.T) {
	d := golden.CPU(t)
	c := small(nil)
	m, err := New(d, c, tensor.NewGenerator(1))
	if err != nil {
		t.Fatal(err)
	}
	text, image := example(c, 2)
	adam := golden.NewAdam(d, m, 1e-2, 0.99, 0)
	var first, last float64
	for step := range 60 {
		s := d.Record()
		loss, _, _ := m.Loss(text, image, nil)
		nn.ZeroGrad(m)
		loss.Backward()
		adam.Step()
		if last = loss.Item(); step == 0 {
			first = last
		}
		s.End()
	}
	if !(last < 0.2 && last < first/5) {
		t.Fatalf("the loss went from %.3f to %.3f, want it near zero", first, last)
	}
	m.SetTraining(false)
	codes, err := m.Generate(context.Background(), []Picture{{Text: text[:c.TextLen]}, {Text: text[c.TextLen:]}}, sampling.Options{Guidance: 1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := slices.Concat(codes...); !slices.Equal(got, image) {
		t.Errorf("generated %v, want %v", got, image)
	}
}
