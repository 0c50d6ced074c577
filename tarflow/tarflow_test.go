package tarflow

import (
	"math"
	"path/filepath"
	"slices"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
	"gonum.org/v1/gonum/mat"
)

// tiny is a flow with all options over maps of 2×4 cells.
func tiny() Config {
	return Config{
		Height: 2, Width: 4, Channels: 3, Patch: 1, Classes: 3, Blocks: []int{2, 1, 1}, Dim: 16, HeadDim: 8, FFMult: 2,
		Start: true, Variance: true, LogScale: 2, Noise: 0.3, ClassDropout: 0.25,
	}
}

// configs are tiny and what it leaves out.
func configs() map[string]Config {
	plain := tiny()
	plain.Start, plain.Variance, plain.Classes, plain.Noise = false, false, 0, 0
	patches := tiny()
	patches.Patch = 2
	return map[string]Config{"all": tiny(), "plain": plain, "patches": patches}
}

// build makes a flow with random weights of all parameters, in evaluation mode.
func build(t testing.TB, d *tensor.Device, c Config, strength float64) *Flow {
	t.Helper()
	f, err := New(d, c, tensor.NewGenerator(1))
	if err != nil {
		t.Fatal(err)
	}
	g := tensor.NewGenerator(2)
	for _, p := range nn.Trainable(f) {
		p.Tensor.Set(p.Tensor.Add(g.Normal(d, p.Tensor.Shape()...).Scale(strength)).Values())
	}
	f.mean.Set([]float32{0.5, -1, 2}[:c.Channels])
	f.std.Set([]float32{2, 0.5, 1}[:c.Channels])
	f.SetTraining(false)
	return f
}

// input returns latent maps and their condition: classes, a mixture and no class.
func input(d *tensor.Device, c Config, n int) (x, cond *tensor.Tensor) {
	x = tensor.NewGenerator(3).Normal(d, n, c.Height, c.Width, c.Channels).Keep()
	if c.Classes > 0 {
		rows := make([]float32, 0, n*c.Classes)
		for i := range n {
			rows = append(rows, [][]float32{{0, 1, 0}, {0.25, 0, 0.75}, {1. / 3, 1. / 3, 1. / 3}}[i%3]...)
		}
		cond = d.From(rows, n, c.Classes)
	}
	return x, cond
}

func double(t *testing.T) *tensor.Device {
	t.Helper()
	d, err := tensor.OpenDevice("cpu64", tensor.DeviceOptions{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

func float64s(t *tensor.Tensor) []float64 { return kernel.Slice[float64](engine.Data(t)) }

func largest(t *tensor.Tensor) float64 { return t.Abs().Reshape(-1).MaxOver(0).Item() }

func TestInverse(t *testing.T) {
	for name, c := range configs() {
		t.Run(name, func(t *testing.T) {
			d := golden.Device(t)
			f := build(t, d, c, 0.2)
			for _, n := range []int{1, 5} {
				x, cond := input(d, c, n)
				z, _ := f.Forward(x, cond)
				for method, o := range map[string]Inversion{"cached": {}, "fixed point": {Tolerance: 1e-6, MaxIterations: 9}} {
					got, r := f.Inverse(z, cond, o)
					if worst := largest(got.Sub(x)); !(worst <= 1e-4) {
						t.Errorf("%s, %d rows: inverse(forward(x)) is off by %.2g", method, n, worst)
					}
					if o.Tolerance > 0 && (r.Residual > o.Tolerance || r.FellBack > 0 || r.Iterations[0] != 0 || r.Iterations[1] == 0) {
						t.Errorf("%s: %+v", method, r)
					}
					z2, _ := f.Forward(got, cond)
					if worst := largest(z2.Sub(z)); !(worst <= 1e-4) {
						t.Errorf("%s, %d rows: forward(inverse(z)) is off by %.2g", method, n, worst)
					}
				}
			}
		})
	}
}

// A fixed-point iteration that doesn't converge falls back, and every tolerance states its error.
func TestFixedPoint(t *testing.T) {
	d := double(t)
	c := tiny()
	f := build(t, d, c, 0.5)
	x, cond := input(d, c, 3)
	z, _ := f.Forward(x, cond)
	got, r := f.Inverse(z, cond, Inversion{Tolerance: 1e-12, MaxIterations: 1})
	if r.FellBack != 2 || r.Residual != 0 || largest(got.Sub(x)) > 1e-9 {
		t.Errorf("one iteration: %+v, off by %g", r, largest(got.Sub(x)))
	}
	got, r = f.Inverse(z, cond, Inversion{Tolerance: 1e-12, MaxIterations: 9}) // T + 1: the last one changes nothing
	if r.FellBack != 0 || largest(got.Sub(x)) > 1e-9 {
		t.Errorf("as many iterations as tokens: %+v, off by %g", r, largest(got.Sub(x)))
	}
	for _, tolerance := range []float64{1e-1, 1e-3, 1e-5} {
		got, r := f.Inverse(z, cond, Inversion{Tolerance: tolerance, MaxIterations: 9})
		if r.Residual > tolerance || largest(got.Sub(x)) > 100*tolerance {
			t.Errorf("tolerance %g: %+v, off by %g", tolerance, r, largest(got.Sub(x)))
		}
	}
}

func TestGuidance(t *testing.T) {
	d := golden.Device(t)
	c := tiny()
	f := build(t, d, c, 0.2)
	_, cond := input(d, c, 3)
	z := tensor.NewGenerator(5).Normal(d, 3, c.Tokens(), c.TokenDim())
	off, _ := f.Inverse(z, cond, Inversion{})
	one, _ := f.Inverse(z, cond, Inversion{Guidance: 1})
	strong, _ := f.Inverse(z, cond, Inversion{Guidance: 3})
	jacobi, _ := f.Inverse(z, cond, Inversion{Guidance: 3, Tolerance: 1e-6, MaxIterations: 9})
	nothing, _ := f.Inverse(z, f.Unconditional(3), Inversion{Guidance: 3})
	none, _ := f.Inverse(z, f.Unconditional(3), Inversion{})
	if largest(off.Sub(one)) != 0 || largest(off.Sub(strong)) < 1e-2 {
		t.Error("guidance has no effect, or has one when it is off")
	}
	if worst := largest(strong.Sub(jacobi)); worst > 1e-4 {
		t.Errorf("guidance with fixed-point iteration is off by %g", worst)
	}
	if worst := largest(nothing.Sub(none)); worst > 1e-4 {
		t.Errorf("guidance without a class changes the result by %g", worst)
	}
	row := strong.Slice(0, 2, 3)
	if worst := largest(row.Sub(off.Slice(0, 2, 3))); worst > 1e-4 { // its condition is no class
		t.Errorf("guidance of a row without class changes it by %g", worst)
	}
	single, _ := f.Inverse(z.Slice(0, 1, 2), cond.Slice(0, 1, 2), Inversion{Guidance: 3})
	if worst := largest(single.Sub(strong.Slice(0, 1, 2))); worst > 1e-4 {
		t.Errorf("a row alone differs from the row in a batch by %g", worst)
	}
}

func TestJacobian(t *testing.T) {
	for name, c := range configs() {
		t.Run(name, func(t *testing.T) {
			d := double(t)
			f := build(t, d, c, 0.3)
			const h = 1e-5
			numbers := c.Numbers()
			for row := range 2 {
				all, conds := input(d, c, 3)
				same := make([]int32, 2*numbers)
				for i := range same {
					same[i] = int32(row)
				}
				x := all.Gather(0, d.Ints(same)) // rows 2j and 2j+1 have number j moved up and down
				for j := range numbers {
					float64s(x)[2*j*numbers+j] += h
					float64s(x)[(2*j+1)*numbers+j] -= h
				}
				var cond *tensor.Tensor
				if conds != nil {
					cond = conds.Gather(0, d.Ints(same))
				}
				z, _ := f.Forward(x, cond)
				jacobian := mat.NewDense(numbers, numbers, nil)
				for j := range numbers {
					for i := range numbers {
						jacobian.Set(i, j, (float64s(z)[2*j*numbers+i]-float64s(z)[(2*j+1)*numbers+i])/(2*h))
					}
				}
				want, _ := mat.LogDet(jacobian)
				_, logDet := f.Forward(all, conds)
				if got := float64s(logDet)[row]; math.Abs(got-want) > 1e-6*math.Abs(want) {
					t.Errorf("log-determinant %.10g, of the numeric Jacobian %.10g", got, want)
				}
			}
		})
	}
}

func TestGradients(t *testing.T) {
	for name, c := range configs() {
		t.Run(name, func(t *testing.T) {
			d := double(t)
			f := build(t, d, c, 0.3)
			x, _ := input(d, c, 5)
			x.SetRequiresGrad(true)
			loss := func() *tensor.Tensor { return f.Loss(x, []int{0, 1, 2, 1, 0}, tensor.NewGenerator(4)) }
			func() {
				step := d.Record()
				defer step.End()
				loss().Backward()
			}()
			leaves := append(nn.Trainable(f), nn.Param{Path: "x", Tensor: x})
			for _, p := range leaves {
				grad, values := p.Tensor.Grad(), float64s(p.Tensor)
				if grad == nil || largest(grad) == 0 {
					t.Errorf("%s receives no gradient", p.Path)
					continue
				}
				for i := 0; i < len(values); i += 1 + len(values)/4 {
					const h = 1e-5
					at := values[i]
					values[i] = at + h
					up := float64s(loss())[0]
					values[i] = at - h
					down := float64s(loss())[0]
					values[i] = at
					if want := (up - down) / (2 * h); math.Abs(float64s(grad)[i]-want) > 1e-7+1e-5*math.Abs(want) {
						t.Errorf("gradient of %s[%d] is %.10g, by central differences %.10g", p.Path, i, float64s(grad)[i], want)
					}
				}
			}
		})
	}
}

// The denoised map is y + σ²·∇ log p(y), with the gradient by central differences, and parameters keep their gradients.
func TestDenoise(t *testing.T) {
	d := double(t)
	c := tiny()
	f := build(t, d, c, 0.3)
	y, cond := input(d, c, 3)
	got := f.Denoise(y, cond)
	for i := range y.Len() {
		const h = 1e-5
		values := float64s(y)
		at := values[i]
		values[i] = at + h
		up := float64s(f.LogProb(y, cond).Sum())[0]
		values[i] = at - h
		down := float64s(f.LogProb(y, cond).Sum())[0]
		values[i] = at
		sigma := c.Noise * math.Sqrt((2*2+0.5*0.5+1*1)/3.0) // of all channels together
		if want := at + sigma*sigma*(up-down)/(2*h); math.Abs(float64s(got)[i]-want) > 1e-6*max(1, math.Abs(want)) {
			t.Fatalf("number %d is %.8g, want %.8g", i, float64s(got)[i], want)
		}
	}
	for _, p := range nn.Trainable(f) {
		if p.Tensor.Grad() != nil || !p.Tensor.RequiresGrad() {
			t.Fatalf("%s has a gradient, or is not trainable any more", p.Path)
		}
	}
	nn.Freeze(f)
	if worst := largest(f.Denoise(y, cond).Sub(got)); worst > 1e-9 {
		t.Errorf("frozen, the result differs by %g", worst)
	}
}

// A token's shift and scale depend on earlier tokens only: the Jacobian of a block is triangular.
func TestCausal(t *testing.T) {
	d := double(t)
	c := tiny()
	c.Blocks = []int{2}
	f := build(t, d, c, 0.5)
	x, cond := input(d, c, 1)
	z, _ := f.Forward(x, cond)
	before := slices.Clone(float64s(z))
	const moved = 5
	for k := range c.Channels {
		float64s(x)[moved*c.Channels+k] += 1
	}
	z, _ = f.Forward(x, cond)
	for i, v := range float64s(z) {
		if changed := v != before[i]; changed != (i/c.Channels >= moved) {
			t.Fatalf("number %d of token %d: changed is %t by token %d", i%c.Channels, i/c.Channels, changed, moved)
		}
	}
}

func TestSaveAndLoad(t *testing.T) {
	d := golden.Device(t)
	c := tiny()
	f := build(t, d, c, 0.2)
	path := filepath.Join(t.TempDir(), "tarflow.safetensors")
	if err := safetensors.Write(path, weights.Of(f), nil); err != nil {
		t.Fatal(err)
	}
	file, err := safetensors.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	fresh, err := New(d, c, tensor.NewGenerator(9))
	if err != nil {
		t.Fatal(err)
	}
	if err := weights.Load(fresh, file, ""); err != nil {
		t.Fatal(err)
	}
	fresh.SetTraining(false)
	x, cond := input(d, c, 4)
	if !slices.Equal(f.LogProb(x, cond).Values(), fresh.LogProb(x, cond).Values()) {
		t.Error("the densities differ after saving and loading")
	}
	nn.Freeze(fresh)
	if worst := largest(f.LogProb(x, cond).Sub(fresh.LogProb(x, cond))); worst > 1e-3 {
		t.Errorf("frozen, the densities differ by %g", worst)
	}
}

// Whatever the weights, finite values stay finite.
func TestExtremes(t *testing.T) {
	d := golden.Device(t)
	for _, strength := range []float64{1, 30, 1000} {
		for name, c := range configs() {
			c.LogScale = 32 / float64(c.scales())
			f := build(t, d, c, strength)
			x, cond := input(d, c, 3)
			for _, scale := range []float64{1, 1e4} {
				z, logDet := f.Forward(x.Scale(scale), cond)
				made, _ := f.Inverse(tensor.NewGenerator(6).Normal(d, z.Shape()...), cond, Inversion{Guidance: 2, Tolerance: 1e-4})
				for _, v := range []float64{largest(z), largest(logDet), largest(made)} {
					if math.IsNaN(v) || math.IsInf(v, 0) {
						t.Errorf("%s, weights of %g, values of %g: %v", name, strength, scale, v)
					}
				}
			}
		}
	}
}

func TestFit(t *testing.T) {
	d := golden.Device(t)
	c := tiny()
	f := build(t, d, c, 0)
	values := tensor.NewGenerator(8).Normal(d, 50, c.Height, c.Width, c.Channels).Scale(3).AddScalar(7).Values()
	if err := f.Fit(values); err != nil {
		t.Fatal(err)
	}
	tokens := f.tokens(d.From(values, 50, c.Height, c.Width, c.Channels))
	if mean, square := tokens.Mean().Item(), tokens.Square().Mean().Item(); math.Abs(mean) > 1e-5 || math.Abs(square-1) > 1e-5 {
		t.Errorf("mean %g and mean square %g after Fit", mean, square)
	}
	for i := range values { // a constant channel with rounding errors
		if i%c.Channels == 1 {
			values[i] = 1000 + float32(i%2)*1e-4
		}
	}
	if err := f.Fit(values); err != nil || f.std.Values()[1] != 1 {
		t.Errorf("a constant channel: %v, standard deviation %v", err, f.std.Values()[1])
	}
	values[5] = float32(math.NaN())
	if f.Fit(values) == nil || f.Fit(values[:7]) == nil || f.Fit(nil) == nil {
		t.Error("Fit accepts NaN, parts of maps, or nothing")
	}
}

func TestValidate(t *testing.T) {
	if err := DefaultConfig(2).Validate(); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*Config){
		"patch":         func(c *Config) { c.Patch = 3 },
		"one token":     func(c *Config) { c.Patch, c.Height = 4, 4 },
		"no blocks":     func(c *Config) { c.Blocks = nil },
		"empty block":   func(c *Config) { c.Blocks = []int{2, 0} },
		"heads":         func(c *Config) { c.HeadDim = 5 },
		"width":         func(c *Config) { c.Dim = 1 << 20 },
		"bound":         func(c *Config) { c.LogScale = 11 },
		"NaN bound":     func(c *Config) { c.LogScale = math.NaN() },
		"noise":         func(c *Config) { c.Noise = -1 },
		"class dropout": func(c *Config) { c.ClassDropout = 1.5 },
		"dropout":       func(c *Config) { c.Dropout = 1 },
		"parameters":    func(c *Config) { c.Dim, c.Blocks = 8192, []int{100} },
		"feed-forward":  func(c *Config) { c.FFMult = 0 },
	} {
		c := tiny()
		if change(&c); c.Validate() == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
