package flows_test

import (
	"math"
	"os"
	"testing"

	"github.com/bestiary-ml/bestiary/flows"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// scaleWeights multiplies all parameters.
func scaleWeights(m nn.Module, scale float64) {
	for _, p := range nn.Trainable(m) {
		p.Tensor.Set(p.Tensor.Scale(scale).Values())
	}
}

// worst returns the largest |inverse(forward(x)) − x| of n rows, in batches.
func worst(t *testing.T, b flows.Bijection, d *tensor.Device, n, dim int, g *tensor.Generator) (largest float64) {
	t.Helper()
	for done := 0; done < n; done += 20000 {
		step := d.Scratch()
		x := g.Normal(d, 20000, dim)
		z, _ := b.Forward(x, nil)
		y, _ := b.Inverse(z, nil)
		v := y.Sub(x).Abs().Values()
		for _, e := range v {
			if e32 := float64(e); e32 > largest || math.IsNaN(e32) {
				largest = e32
			}
		}
		step.End()
	}
	return largest
}

// TestFloat32Inverse checks the error of the inverse in float32 with weights of three scales.
func TestFloat32Inverse(t *testing.T) {
	const dim = 4
	n := 20_000
	if os.Getenv("BESTIARY_TORTURE") != "" {
		n = 1_000_000
	}
	for name, c := range map[string]struct {
		most float64
		new  func(d *tensor.Device, g *tensor.Generator) flows.Bijection
	}{
		"spline": {1e-4, func(d *tensor.Device, g *tensor.Generator) flows.Bijection {
			return flows.NewCoupling(d, dim, []int{0, 1}, flows.DefaultSpline(), flows.CouplingConfig{Hidden: []int{64, 64}}, g)
		}},
		"affine couplings": {1e-5, func(d *tensor.Device, g *tensor.Generator) flows.Bijection {
			s := flows.NewSequential()
			for i := range 10 {
				s.Add(string(rune('a'+i)), flows.NewCoupling(d, dim, flows.Half.Passive(dim, i%2 == 1), flows.DefaultAffine(), flows.CouplingConfig{Hidden: []int{64, 64}}, g))
			}
			return s
		}},
	} {
		for _, scale := range []float64{0.5, 1, 1.5} {
			d, g := openDevice(t, "cpu"), tensor.NewGenerator(1)
			b := c.new(d, g)
			scaleWeights(b, scale)
			if e := worst(t, b, d, n, dim, g); !(e <= c.most) {
				t.Errorf("%s, initial weights times %v: error %.2g, at most %.0g is allowed", name, scale, e, c.most)
			} else {
				t.Logf("%s, initial weights times %v: error %.2g", name, scale, e)
			}
		}
	}
}

// TestHugeWeights checks that weights of norm 1000 give neither NaN nor infinity: splines bound every number that they change.
func TestHugeWeights(t *testing.T) {
	d, g := openDevice(t, "cpu"), tensor.NewGenerator(2)
	for name, s := range map[string]flows.Spec{"nsf": small(flows.NSF(4, 0)), "maf": small(flows.MAF(4, 0)), "realnvp": small(flows.RealNVPSpec(4, 0))} {
		f, err := flows.New(d, s, g)
		if err != nil {
			t.Fatal(err)
		}
		f.SetTraining(false)
		for _, p := range nn.Trainable(f) {
			norm := math.Sqrt(p.Tensor.Square().Sum().Item())
			if norm > 0 && p.Tensor.Len() > 4 {
				p.Tensor.Set(p.Tensor.Scale(1000 / norm).Values())
			}
		}
		x := g.Normal(d, 1000, 4)
		for i, v := range f.LogProb(x, nil).Values() {
			if math.IsNaN(float64(v)) || math.IsInf(float64(v), 1) {
				t.Errorf("%s: row %d has the log-density %v", name, i, v)
				break
			}
		}
	}
}
