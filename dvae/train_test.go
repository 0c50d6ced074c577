package dvae

import (
	"slices"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// fit trains v on a batch and returns the first and the last loss.
func fit(d *tensor.Device, v *VAE, x *tensor.Tensor, steps int, temperature func(step int) float64) (first, last float64) {
	g := tensor.NewGenerator(6)
	adam := golden.NewAdam(d, v, 3e-3, 0.999, 0)
	for step := 1; step <= steps; step++ {
		s := d.Record()
		nn.ZeroGrad(v)
		r := v.Loss(x, temperature(step), g)
		r.Loss.Backward()
		adam.Step()
		if last = r.Loss.Item(); step == 1 {
			first = last
		}
		s.End()
	}
	return first, last
}

// squaredError is the squared error of the reconstruction from hard codes.
func squaredError(d *tensor.Device, v *VAE, x *tensor.Tensor) float64 {
	s := d.Scratch()
	defer s.End()
	return v.Reconstruct(x).MSELoss(x).Item()
}

func TestTrainingReconstructs(t *testing.T) {
	d := golden.CPU(t)
	for name, change := range map[string]func(*Config){
		"relaxed":          func(*Config) {},
		"straight-through": func(c *Config) { c.StraightThrough = true },
		"reinmax":          func(c *Config) { c.StraightThrough, c.ReinMax = true, true },
	} {
		c := small()
		change(&c)
		v := build(t, d, c)
		x := stripes(d, 8, c.ImageSize, 3)
		before := squaredError(d, v, x)
		anneal := Annealing{Start: 1, Floor: 0.3, Steps: 150}
		first, last := fit(d, v, x, 150, anneal.At)
		if after := squaredError(d, v, x); !(last < 0.8*first) || !(after < 0.8*before) {
			t.Errorf("%s: the loss went from %.3f to %.3f, the error of hard codes from %.3f to %.3f", name, first, last, before, after)
		}
	}
}

// TestCheckpoint: recomputed activations give the gradients of those that are kept.
func TestCheckpoint(t *testing.T) {
	d := golden.CPU(t)
	var want [][]float32
	for _, checkpoint := range []bool{false, true} {
		c := small()
		c.Checkpoint = checkpoint
		v := build(t, d, c)
		s := d.Record()
		r := v.Loss(stripes(d, 3, 16, 3), 0.9, tensor.NewGenerator(2))
		r.Loss.Backward()
		got := [][]float32{r.Loss.Values()}
		for _, p := range nn.Trainable(v) {
			got = append(got, p.Tensor.Grad().Values())
		}
		s.End()
		if !checkpoint {
			want = got
			continue
		}
		for i := range want {
			if !slices.Equal(got[i], want[i]) {
				t.Errorf("result %d differs", i)
			}
		}
	}
}
