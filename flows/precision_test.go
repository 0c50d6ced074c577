package flows_test

import (
	"errors"
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

// inverseErrors are the largest errors of x′ = inverse(forward(x)) over many points.
type inverseErrors struct {
	point float64 // |x′ − x|
	// mixed is the smaller of |x′ − x| and |forward(x′) − forward(x)|. Where a map has slope 1e-3, float32 numbers that differ by 1e-4
	// have the same image, and no inverse can tell them apart.
	mixed float64
}

// measureInverse inverts n points in batches. A forward pass that overflows counts as an infinite error.
func measureInverse(b flows.Bijection, d *tensor.Device, n, dim int, g *tensor.Generator) (e inverseErrors) {
	for done := 0; done < n; done += 20000 {
		step := d.Scratch()
		x := g.Normal(d, 20000, dim)
		z, _ := b.Forward(x, nil)
		y, _ := b.Inverse(z, nil)
		again, _ := b.Forward(y, nil)
		images := again.Sub(z).Abs().Values()
		for i, v := range y.Sub(x).Abs().Values() {
			point, mixed := float64(v), float64(min(v, images[i]))
			if math.IsNaN(mixed) {
				mixed = math.Inf(1)
			}
			e.point, e.mixed = max(e.point, point), max(e.mixed, mixed)
		}
		step.End()
	}
	return e
}

// TestFloat32Inverse checks the error of the inverse in float32 with weights of several scales. docs/tables.md has the figures of a
// million points, which BESTIARY_TORTURE asks for ("make torture").
func TestFloat32Inverse(t *testing.T) {
	const dim = 4
	n := 20_000
	if os.Getenv("BESTIARY_TORTURE") != "" {
		n = 1_000_000
	}
	spline := func(d *tensor.Device, g *tensor.Generator) flows.Bijection {
		return flows.NewCoupling(d, dim, []int{0, 1}, flows.DefaultSpline(), flows.CouplingConfig{Hidden: []int{64, 64}}, g)
	}
	masked := func(d *tensor.Device, g *tensor.Generator) flows.Bijection {
		return flows.NewAutoregressive(d, dim, flows.AutoregressiveConfig{Map: flows.DefaultSpline(), Hidden: []int{64, 64}}, g)
	}
	affine := func(d *tensor.Device, g *tensor.Generator) flows.Bijection {
		s := flows.NewSequential()
		for i := range 10 {
			s.Add(string(rune('a'+i)), flows.NewCoupling(d, dim, flows.Half.Passive(dim, i%2 == 1), flows.DefaultAffine(), flows.CouplingConfig{Hidden: []int{64, 64}}, g))
		}
		return s
	}
	for _, c := range []struct {
		name  string
		most  float64
		new   func(d *tensor.Device, g *tensor.Generator) flows.Bijection
		scale float64
		mixed bool // only the mixed error is bounded
	}{
		{"spline coupling", 1e-4, spline, 0.5, false},
		{"spline coupling", 1e-4, spline, 1, false},
		{"spline coupling", 1e-4, spline, 1.5, true},
		{"spline coupling", 1e-4, spline, 4, true},
		{"spline coupling", 1e-4, spline, 10, true},
		{"masked splines", 1e-4, masked, 0.5, false},
		{"masked splines", 1e-4, masked, 1, false},
		{"masked splines", 1e-4, masked, 1.5, false},
		{"ten affine couplings", 1e-5, affine, 0.5, false},
		{"ten affine couplings", 1e-5, affine, 1, false},
		{"ten affine couplings", 1e-5, affine, 1.5, false},
	} {
		d, g := openDevice(t, "cpu"), tensor.NewGenerator(1)
		b := c.new(d, g)
		scaleWeights(b, c.scale)
		e := measureInverse(b, d, n, dim, g)
		bounded := e.point
		if c.mixed {
			bounded = e.mixed
		}
		t.Logf("%s, initial weights times %v: error %.2g, mixed %.2g", c.name, c.scale, e.point, e.mixed)
		if !(bounded <= c.most) {
			t.Errorf("%s, initial weights times %v: error %.2g, at most %.0g is allowed", c.name, c.scale, bounded, c.most)
		}
	}
}

// TestHugeWeights checks that nothing becomes NaN or infinite with weights of norm up to 1000: splines and clipped affine maps bound
// what a layer does. Only where affine maps go column by column, each a multiple of those before it, numbers of weights of norm
// 1000 may overflow; pipelines then end with an error.
func TestHugeWeights(t *testing.T) {
	d := openDevice(t, "cpu")
	slow := map[string]string{"maf": "inverse", "iaf": "forward"} // what goes column by column
	for name, s := range map[string]flows.Spec{
		"nsf": small(flows.NSF(4, 0)), "maf": small(flows.MAF(4, 0)), "iaf": small(flows.IAF(4, 0)), "realnvp": small(flows.RealNVPSpec(4, 0)),
		"torus": small(flows.Torus(4, 0)),
	} {
		g := tensor.NewGenerator(2) // the same numbers in any order of the flows
		for _, norm := range []float64{10, 100, 1000} {
			f, err := flows.New(d, s, g)
			if err != nil {
				t.Fatal(err)
			}
			f.SetTraining(false)
			scaleToNorm(f, norm)
			x := g.Normal(d, 1000, 4)
			z, logDet := f.Forward(x, nil)
			y, _ := f.Inverse(x, nil)
			for what, all := range map[string]*tensor.Tensor{"forward": z, "log-determinants": logDet, "inverse": y} {
				if err := flows.CheckFinite(what, 0, all.Values()); err != nil && !(norm == 1000 && slow[name] == what) {
					t.Errorf("%s, norm %v: %v", name, norm, err)
				}
			}
			for i, v := range f.LogProb(x, nil).Values() {
				if math.IsNaN(float64(v)) || math.IsInf(float64(v), 1) { // the square of a finite number may overflow to −∞
					t.Errorf("%s, norm %v: log-density %d is %v", name, norm, i, v)
					break
				}
			}
		}
	}
}

// scaleToNorm gives each matrix of weights a norm.
func scaleToNorm(m nn.Module, norm float64) {
	for _, p := range nn.Trainable(m) {
		if own := math.Sqrt(p.Tensor.Square().Sum().Item()); own > 0 && p.Tensor.Len() > 4 {
			p.Tensor.Set(p.Tensor.Scale(norm / own).Values())
		}
	}
}

// TestOverflow checks that samples of thirty-two affine layers with large weights, whose numbers overflow, end with an
// [flows.Overflow].
func TestOverflow(t *testing.T) {
	d, g := openDevice(t, "cpu"), tensor.NewGenerator(2)
	s := flows.Spec{Columns: 4, Base: flows.BaseSpec{Kind: "normal"}}
	for i := range 32 {
		s.Layers = append(s.Layers, flows.LayerSpec{Kind: "coupling", Map: "affine", Hidden: []int{16}, Flipped: i%2 == 1})
	}
	f, err := flows.New(d, s, g)
	if err != nil {
		t.Fatal(err)
	}
	f.SetTraining(false)
	scaleToNorm(f, 1000)
	var overflow *flows.Overflow
	if _, _, err := f.Sample(100, nil, 1, g); !errors.As(err, &overflow) {
		t.Errorf("the error is %v", err)
	}
	p, err := f.Given()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Entropy(100, g); !errors.As(err, &overflow) {
		t.Errorf("the error of an entropy is %v", err)
	}
}
