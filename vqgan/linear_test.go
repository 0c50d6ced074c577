package vqgan

import (
	"cmp"
	"math"
	"slices"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"
)

// fitted returns an autoencoder of 8×8 pictures whose linear path is fitted to pictures.
func fitted(t *testing.T, d *tensor.Device, embed int, change func(*Config)) (*Model, *tensor.Tensor) {
	t.Helper()
	c := small()
	c.ImageSize, c.Patch, c.Multipliers, c.Linear = 8, 1, []int{1, 2}, true // blocks of 2×2×3 pixels
	c.Embed, c.ZChannels = embed, embed
	change(&c)
	m, g := build(t, d, c), tensor.NewGenerator(7)
	x := g.Normal(d, 64, 8, 8, 3).MatMul(g.Normal(d, 3, 3)).AddScalar(0.3)
	halves := func(yield func(*tensor.Tensor) bool) {
		_ = yield(x.Slice(0, 0, 24)) && yield(x.Slice(0, 24, 64))
	}
	if err := m.FitLinear(halves); err != nil {
		t.Fatal(err)
	}
	return m, x
}

// TestFitLinear compares the initial autoencoder with a principal component analysis.
func TestFitLinear(t *testing.T) {
	d := golden.CPU(t)
	for _, embed := range []int{12, 5} {
		for name, change := range map[string]func(*Config){
			"predicted noise": func(*Config) {},
			"constant noise":  func(c *Config) { c.Noise = 0.2 },
			"more channels":   func(c *Config) { c.ZChannels = embed + 3 },
		} {
			m, x := fitted(t, d, embed, change)
			var components stat.PC
			blocks := patches(x, 2).Values()
			rows := make([]float64, len(blocks))
			for i, v := range blocks {
				rows[i] = float64(v)
			}
			n := len(rows) / 12
			if !components.PrincipalComponents(mat.NewDense(n, 12, rows), nil) {
				t.Fatal("no components")
			}
			want := 0.0 // the variance of the directions that are left out
			for _, v := range components.VarsTo(nil)[embed:] {
				want += v * float64(n-1) / float64(n) / 12
			}
			if got := float64(m.Reconstruct(x).MSELoss(x).Values()[0]); math.Abs(got-want) > 1e-5 {
				t.Errorf("%d, %s: mean square error %v, want %v", embed, name, got, want)
			}
			mean, std, err := m.Posterior(x)
			if err != nil {
				t.Fatal(err)
			}
			sum, squares := 0.0, 0.0
			for _, v := range mean.Values() {
				sum, squares = sum+float64(v), squares+float64(v*v)
			}
			if k := float64(mean.Len()); math.Abs(sum/k) > 1e-4 || math.Abs(squares/k-1) > 1e-3 {
				t.Errorf("%d, %s: latents have mean %v and mean square %v, want 0 and 1", embed, name, sum/k, squares/k)
			}
			noise := cmp.Or(m.config.Noise, initialNoise)
			if got := std.Values(); math.Abs(float64(slices.Min(got))-noise) > 1e-5 || math.Abs(float64(slices.Max(got))-noise) > 1e-5 {
				t.Errorf("%d, %s: posterior's deviations from %v to %v, want %v", embed, name, slices.Min(got), slices.Max(got), noise)
			}
		}
	}
}

// TestFitLinearDegenerate fits pictures of one colour, and no pictures.
func TestFitLinearDegenerate(t *testing.T) {
	d := golden.CPU(t)
	m, _ := fitted(t, d, 5, func(*Config) {})
	grey := d.Full(0.25, 2, 8, 8, 3)
	if err := m.FitLinear(slices.Values([]*tensor.Tensor{grey})); err != nil {
		t.Fatal(err)
	}
	if e := m.Reconstruct(grey).MSELoss(grey).Values()[0]; !(e < 1e-8) {
		t.Errorf("grey pictures have a mean square error of %v", e)
	}
	if err := m.FitLinear(slices.Values([]*tensor.Tensor(nil))); err == nil {
		t.Error("no pictures are accepted")
	}
}

// TestLinearLearns checks that the linear path and the network behind its silent last layers are trained together.
func TestLinearLearns(t *testing.T) {
	d := golden.CPU(t)
	m, x := fitted(t, d, 5, func(*Config) {})
	step := d.Record()
	defer step.End()
	(&Objective{Model: m, Generator: tensor.NewGenerator(1)}).Loss(x, false).Loss.Backward()
	encoder := m.encoder.Layers()
	for name, w := range map[string]*tensor.Tensor{
		"linear_in": m.linear.in.Weight, "linear_out": m.linear.out.Weight, "decoder.conv_out": m.lastConv().Weight,
		"encoder.conv_out": encoder[len(encoder)-1].(*nn.Conv2d).Weight,
	} {
		if g := w.Grad(); g == nil || !(g.Square().Sum().Values()[0] > 0) {
			t.Errorf("%s has no gradient", name)
		}
	}
}
