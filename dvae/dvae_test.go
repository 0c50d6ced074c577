package dvae

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

func build(t *testing.T, d *tensor.Device, c Config) *VAE {
	t.Helper()
	v, err := New(d, c, tensor.NewGenerator(1))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func small() Config {
	return Config{ImageSize: 16, Codes: 32, CodebookDim: 6, Layers: 2, ResnetBlocks: 1, Hidden: 8, Channels: 3, Temperature: 1}
}

// stripes are pictures [n, size, size, channels] of smooth waves, all different.
func stripes(d *tensor.Device, n, size, channels int) *tensor.Tensor {
	x := make([]float32, 0, n*size*size*channels)
	for i := range n {
		for y := range size {
			for z := range size {
				for c := range channels {
					x = append(x, float32(math.Sin(float64(i+1)*0.3*float64(y)+0.2*float64(z*(c+1))+float64(i))))
				}
			}
		}
	}
	return d.From(x, n, size, size, channels)
}

func TestShapes(t *testing.T) {
	d := golden.CPU(t)
	for name, change := range map[string]func(*Config){
		"small":            func(*Config) {},
		"RGBA":             func(c *Config) { c.Channels = 4 },
		"no power of two":  func(c *Config) { c.ImageSize = 24 },
		"one layer":        func(c *Config) { c.Layers = 1 },
		"without blocks":   func(c *Config) { c.ResnetBlocks = 0 },
		"three blocks":     func(c *Config) { c.ResnetBlocks = 3 },
		"straight-through": func(c *Config) { c.StraightThrough = true },
	} {
		c := small()
		change(&c)
		v := build(t, d, c)
		x := stripes(d, 2, c.ImageSize, c.Channels)
		codes := v.Codes(x)
		if want := []int{2, c.Grid() * c.Grid()}; !slices.Equal(codes.Shape(), want) {
			t.Errorf("%s: codes have shape %v, want %v", name, codes.Shape(), want)
		}
		if got := v.DecodeCodes(codes).Shape(); !slices.Equal(got, x.Shape()) {
			t.Errorf("%s: decoded pictures have shape %v, want %v", name, got, x.Shape())
		}
		s := d.Record()
		r := v.Loss(x, 0, tensor.NewGenerator(2))
		r.Loss.Backward()
		n := 0
		for _, p := range nn.Trainable(v) {
			n += p.Tensor.Len()
			if p.Tensor.Grad() == nil {
				t.Errorf("%s: %s has no gradient", name, p.Path)
			}
		}
		if !slices.Equal(r.Codes.IntValues(), codes.IntValues()) {
			t.Errorf("%s: the loss saw other codes than Codes", name)
		}
		s.End()
		if biases := n - c.products(); biases < 0 || biases > (2*c.Layers+6*c.ResnetBlocks+1)*c.Hidden+c.Codes+c.Channels {
			t.Errorf("%s: %d parameters, but products are %d", name, n, c.products())
		}
	}
}

// TestNormalisation compares a model that normalises with one without, whose input is normalised beforehand.
func TestNormalisation(t *testing.T) {
	d := golden.CPU(t)
	plain := build(t, d, small())
	c := small()
	c.Normalisation = Normalisation{Mean: []float64{0.4, 0.5, 0.1}, Std: []float64{0.2, 0.5, 1}}
	normalising := build(t, d, c)
	x := stripes(d, 2, c.ImageSize, 3) // in [-1, 1]
	seen := x.Values()
	for i, v := range seen {
		seen[i] = float32((float64(v+1)/2 - c.Normalisation.Mean[i%3]) / c.Normalisation.Std[i%3])
	}
	want := plain.Logits(d.From(seen, x.Shape()...))
	golden.Near(t, "logits", normalising.Logits(x).Values(), want.Values(), 1e-4)
	codes := plain.Codes(d.From(seen, x.Shape()...))
	made := plain.DecodeCodes(codes).Values()
	for i, v := range made {
		made[i] = float32((float64(v)*c.Normalisation.Std[i%3]+c.Normalisation.Mean[i%3])*2 - 1)
	}
	golden.Near(t, "pictures", normalising.DecodeCodes(codes).Values(), made, 1e-4)

	c = small()
	c.Channels = 4
	if scale, shift := c.affine(); !slices.Equal(scale, []float32{1, 1, 1, 0.5}) || !slices.Equal(shift, []float32{0, 0, 0, 0.5}) {
		t.Errorf("RGBA is scaled by %v and shifted by %v, want alpha alone moved to [0, 1]", scale, shift)
	}
}

func TestKL(t *testing.T) {
	d := golden.CPU(t)
	g := tensor.NewGenerator(3)
	const n, grid, codes = 2, 3, 32
	logits := g.Normal(d, n, grid, grid, codes).Scale(2)
	want := 0.0
	q := logits.Softmax(-1).Values()
	for _, p := range q {
		want += float64(p) * math.Log(float64(p)*codes)
	}
	c := small()
	c.KLSum = true
	sum := build(t, d, c).kl(logits).Item()
	c.KLSum = false
	mean := build(t, d, c).kl(logits).Item()
	if math.Abs(sum-want) > 1e-4*want || math.Abs(mean-want/(n*grid*grid)) > 1e-5 {
		t.Errorf("the sum is %v and the mean %v, want %v and %v", sum, mean, want, want/(n*grid*grid))
	}
	if uniform := build(t, d, c).kl(d.Zeros(n, grid, grid, codes)).Item(); math.Abs(uniform) > 1e-5 {
		t.Errorf("the divergence of the uniform distribution from itself is %v", uniform)
	}
}

// TestGumbel checks moments, and that the rarest uniform numbers give finite noise.
func TestGumbel(t *testing.T) {
	d := golden.CPU(t)
	sum, squares := 0.0, 0.0
	x := gumbel(d, tensor.NewGenerator(4), 1<<18).Values()
	for _, v := range x {
		if math.IsInf(float64(v), 0) || math.IsNaN(float64(v)) {
			t.Fatalf("noise %v", v)
		}
		sum += float64(v)
		squares += float64(v) * float64(v)
	}
	n := float64(len(x))
	mean, variance := sum/n, squares/n-sum/n*sum/n
	if math.Abs(mean-0.5772) > 0.01 || math.Abs(variance-math.Pi*math.Pi/6) > 0.02 {
		t.Errorf("mean %.4f and variance %.4f, want 0.5772 and 1.6449", mean, variance)
	}
	golden.KernelSets(t, func(t *testing.T, d *tensor.Device) {
		largest := d.From([]float32{1 - 1.0/(1<<24)}).Log().Neg().Log().Neg().Item()
		if !(math.Abs(largest-math.Log(1<<24)) < 1e-3) {
			t.Errorf("the largest noise is %v, want %v", largest, math.Log(1<<24))
		}
	})
}

func TestStraightThroughIsHard(t *testing.T) {
	d := golden.CPU(t)
	c := small()
	c.StraightThrough = true
	v := build(t, d, c)
	g := tensor.NewGenerator(5)
	logits, noise := g.Normal(d, 2, 4, 4, c.Codes), gumbel(d, g, 2, 4, 4, c.Codes)
	chosen := logits.Add(noise).ArgMax().IntValues()
	for i, w := range v.sample(logits, noise, 0.7).Values() {
		want := float32(0)
		if int(chosen[i/c.Codes]) == i%c.Codes {
			want = 1
		}
		if math.Abs(float64(w-want)) > 1e-6 {
			t.Fatalf("weight %d is %v, want %v", i, w, want)
		}
	}
}

func TestImpossibleConfigs(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"ImageSize 36":         func(c *Config) { c.ImageSize = 36 },
		"ImageSize 0":          func(c *Config) { c.ImageSize = 0 },
		"ImageSize 1024":       func(c *Config) { c.ImageSize = 1024 },
		"Layers 0":             func(c *Config) { c.Layers = 0 },
		"Layers 64":            func(c *Config) { c.Layers = 64 },
		"Codes 1:":             func(c *Config) { c.Codes = 1 },
		"CodebookDim 0":        func(c *Config) { c.CodebookDim = 0 },
		"ResnetBlocks -1":      func(c *Config) { c.ResnetBlocks = -1 },
		"Hidden 0":             func(c *Config) { c.Hidden = 0 },
		"Channels 1:":          func(c *Config) { c.Channels = 1 },
		"Hidden 1099511627776": func(c *Config) { c.Hidden = 1 << 40 },
		"million":              func(c *Config) { c.Hidden = maxWidth },
		"Temperature 0":        func(c *Config) { c.Temperature = 0 },
		"Temperature NaN":      func(c *Config) { c.Temperature = math.NaN() },
		"ReinMax":              func(c *Config) { c.ReinMax = true },
		"KLWeight -1":          func(c *Config) { c.KLWeight = -1 },
		"3 means":              func(c *Config) { c.Normalisation.Mean = []float64{0} },
		"deviations above 0":   func(c *Config) { c.Normalisation = Normalisation{make([]float64, 3), make([]float64, 3)} },
	} {
		c := DefaultConfig()
		if err := c.Validate(); err != nil {
			t.Fatal(err)
		}
		change(&c)
		var wrong *fault.FieldError
		if err := c.Validate(); !errors.As(err, &wrong) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error about %s", err, want)
		}
	}
}

func TestNewNeedsDeviceAndGenerator(t *testing.T) {
	var wrong *fault.FieldError
	if _, err := New(nil, DefaultConfig(), tensor.NewGenerator(1)); !errors.As(err, &wrong) || wrong.Field != "Device" {
		t.Errorf("without a device: %v", err)
	}
	if _, err := New(golden.CPU(t), DefaultConfig(), nil); !errors.As(err, &wrong) || wrong.Field != "Generator" {
		t.Errorf("without a generator: %v", err)
	}
}
