package backbone

import (
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/internal/gradcheck"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// numbers are those of testdata/make_golden.py.
func numbers(name string, n int) []float32 {
	state := uint64(14695981039346656037)
	for _, b := range []byte(name) {
		state = (state ^ uint64(b)) * 1099511628211
	}
	out := make([]float32, n)
	for i := range out {
		state += 0x9E3779B97F4A7C15
		z := state
		z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
		z = (z ^ z>>27) * 0x94D049BB133111EB
		z ^= z >> 31
		out[i] = float32(float64(z>>40)/(1<<23) - 1)
	}
	return out
}

// gain is the number of testdata/make_golden.py for the weights of an architecture.
func gain(name string) float64 {
	switch name {
	case "efficientnet_b5", "efficientnet_b6", "efficientnet_b7":
		return 5
	}
	return 6
}

// state returns the weights of testdata/make_golden.py.
func state(b *Backbone) (all []safetensors.Tensor) {
	for _, p := range nn.Params(b) {
		s := weights.Save(p)
		if s.DType != safetensors.F32 {
			all = append(all, s)
			continue
		}
		s.F32 = numbers(p.Path, len(s.F32))
		fan := 1
		for _, n := range s.Shape[1:] {
			fan *= n
		}
		for i, v := range s.F32 {
			switch half := 0.5 * v; {
			case len(s.Shape) > 1:
				s.F32[i] = v * float32(math.Sqrt(gain(b.Name())/float64(fan)))
			case strings.HasSuffix(p.Path, "running_var"), strings.HasSuffix(p.Path, "weight"):
				s.F32[i] = 1 + half
			default:
				s.F32[i] = 0.1 * v
			}
		}
		all = append(all, s)
	}
	return all
}

func build(t *testing.T, d *tensor.Device, name string) *Backbone {
	t.Helper()
	b, err := New(d, name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestGolden compares features and logits with the published Python code, of a network that is trained and of a frozen one, and the
// gradient of the pictures. The gradient is computed in float64: see testdata/make_golden.py.
func TestGolden(t *testing.T) {
	stored, err := filepath.Glob("testdata/*.safetensors")
	if err != nil || len(stored) == 0 {
		t.Fatal("no golden values: ", err)
	}
	compareAll(t, stored)
}

// TestEachArchitecture is TestGolden for the architectures whose golden values are not stored. Python computes them.
func TestEachArchitecture(t *testing.T) {
	python := os.Getenv("BESTIARY_PYTORCH")
	if python == "" {
		t.Skip("set BESTIARY_PYTORCH to a Python with torch, torchvision and timm to compare all architectures")
	}
	if err := exec.CommandContext(t.Context(), python, "-c", "import torchvision, timm").Run(); err != nil {
		t.Skipf("%s can't import torchvision and timm", python)
	}
	for _, name := range Names() {
		if _, err := os.Stat("testdata/" + name + ".safetensors"); err == nil {
			continue
		}
		dir := t.TempDir()
		if out, err := exec.CommandContext(t.Context(), python, "testdata/make_golden.py", dir, name).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
		compareAll(t, []string{filepath.Join(dir, name+".safetensors")})
	}
}

// compareAll compares the architectures that golden files are named after.
func compareAll(t *testing.T, files []string) {
	for _, path := range files {
		name := strings.TrimSuffix(filepath.Base(path), ".safetensors")
		t.Run(name, func(t *testing.T) {
			f := golden.Read(t, path)
			d := golden.Device(t)
			b := build(t, d, name)
			if err := b.load(safetensors.NewFile("golden", state(b), nil)); err != nil {
				t.Fatal(err)
			}
			compare(t, b, f, false)
			b.Freeze()
			compare(t, b, f, false)
			exact := build(t, gradcheck.Device(t), name)
			if err := exact.load(safetensors.NewFile("golden", state(b), nil)); err != nil {
				t.Fatal(err)
			}
			exact.Freeze()
			compare(t, exact, f, true)
		})
	}
}

func compare(t *testing.T, b *Backbone, f *safetensors.File, gradient bool) {
	t.Helper()
	d := b.scale.Device()
	size := int(math.Sqrt(float64(len(golden.Floats(t, f, "gradient")) / 6)))
	s := d.Record()
	defer s.End()
	x := d.From(numbers("pictures", 2*size*size*3), 2, size, size, 3).SetRequiresGrad(gradient)
	all := b.Features(x)
	loss := all[0].Square().Mean()
	for i, stride := range []string{"stride4", "stride8", "stride16", "stride32"} {
		golden.Near(t, stride, all[i].Values(), golden.Floats(t, f, stride), 1e-4)
		if all[i].Dim(3) != b.Widths()[i] {
			t.Errorf("%s has %d channels", stride, all[i].Dim(3))
		}
		if i > 0 {
			loss = loss.Add(all[i].Square().Mean())
		}
	}
	pooled := b.net.pooled(all[3])
	golden.Near(t, "pooled", pooled.Values(), golden.Floats(t, f, "pooled"), 1e-4)
	golden.Near(t, "logits", b.Logits(pooled).Values(), golden.Floats(t, f, "logits"), 1e-4)
	if gradient {
		loss.Backward()
		golden.Near(t, "gradient", x.Grad().Values(), golden.Floats(t, f, "gradient"), 1e-4)
	}
}

// TestParameters compares the numbers of parameters with the published ones.
func TestParameters(t *testing.T) {
	d := golden.CPU(t)
	for name, want := range map[string]int{
		"efficientnet-lite0": 4_652_008, "mobilenet_v1": 4_231_976, "mobilenet_v2": 3_504_872, "efficientnet_b0": 5_288_548,
		"efficientnet_b1": 7_794_184, "efficientnet_b2": 9_109_994, "efficientnet_b3": 12_233_232, "efficientnet_b4": 19_341_616,
		"efficientnet_b5": 30_389_784, "efficientnet_b6": 43_040_704, "efficientnet_b7": 66_347_960,
	} {
		b := build(t, d, name)
		if n := nn.Count(b); n != want {
			t.Errorf("%s has %d parameters, want %d", name, n, want)
		}
		f, err := PooledFeatures(name)
		if pooled := b.Pooled(d.Zeros(1, 32, 32, 3)); err != nil || pooled.Dim(1) != f {
			t.Errorf("%s pools %v, %v", name, pooled, err)
		}
		if !strings.Contains(b.String(), b.Title()) || TitleOf(name) != b.Title() || TitleOf("another") != "another" {
			t.Errorf("%s is titled %q", name, b.Title())
		}
		if a := architectureOf(shapes(b)); a == nil || a.name != name {
			t.Errorf("a file of %s is taken for %v", name, a)
		}
	}
}

// shapes is a file with the names and shapes of the parameters of b, as in PyTorch.
func shapes(b *Backbone) *safetensors.File {
	var all []safetensors.Tensor
	for _, p := range nn.Params(b) {
		shape := slices.Clone(p.Tensor.Shape())
		for i, from := range p.Torch {
			shape[i] = p.Tensor.Dim(from)
		}
		all = append(all, safetensors.Tensor{Name: p.Path, Shape: shape})
	}
	return safetensors.NewFile("shapes", all, nil)
}

// TestFiles opens whole files, and files that are not what they should be.
func TestFiles(t *testing.T) {
	d, path := golden.CPU(t), filepath.Join(t.TempDir(), "weights.safetensors")
	all := state(build(t, d, "efficientnet-lite0"))
	write := func(tensors []safetensors.Tensor) {
		t.Helper()
		if err := safetensors.Write(path, tensors, nil); err != nil {
			t.Fatal(err)
		}
	}
	write(slices.DeleteFunc(slices.Clone(all), func(s safetensors.Tensor) bool { return s.DType != safetensors.F32 }))
	b, err := Open(path, d)
	if err != nil || b.Name() != "efficientnet-lite0" {
		t.Fatalf("without counts of batches: %v", err)
	}
	if name, err := Identify(path); err != nil || name != b.Name() {
		t.Errorf("holds %q, %v", name, err)
	}
	extra := safetensors.Tensor{Name: "_blocks.0._se_reduce.weight", DType: safetensors.F32, Shape: []int{1}, F32: []float32{1}}
	other := extra
	other.Name = "conv.weight"
	turned := slices.Clone(all)
	turned[0].Shape = []int{3, 32, 3, 3}
	for want, tensors := range map[string][]safetensors.Tensor{
		"_se_reduce": append(slices.Clone(all), extra), "_bn0.bias": slices.Delete(slices.Clone(all), 2, 3),
		"[3 32 3 3]": turned, "holds no network of EfficientNet-Lite0": {other},
	} {
		write(tensors)
		var damaged *fault.DamagedFile
		if _, err := Open(path, d); !errors.As(err, &damaged) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	var wrong *fault.FieldError
	if _, err := New(d, "resnet1"); !errors.As(err, &wrong) || wrong.Field != "Backbone" {
		t.Errorf("another name: %v", err)
	}
	if _, err := New(nil, "efficientnet-lite0"); err == nil {
		t.Error("no device")
	}
}

// TestActivations checks the shapes of the features of a small picture, and in float64 the slope of their sum of squares along a
// random direction against its gradient.
func TestActivations(t *testing.T) {
	d := gradcheck.Device(t)
	b := build(t, d, "efficientnet-lite0")
	if err := b.load(safetensors.NewFile("golden", state(b), nil)); err != nil {
		t.Fatal(err)
	}
	b.Freeze()
	const size = 16
	values, direction := numbers("a picture", size*size*3), numbers("a direction", size*size*3)
	loss := func(step float64) (sum float64, gradient []float32) {
		s := d.Record()
		defer s.End()
		x := d.From(values, 1, size, size, 3).SetRequiresGrad(true)
		moved := x.Add(d.From(direction, 1, size, size, 3).Scale(step)) // in float64
		total := d.Zeros(1)
		for i, a := range b.Activations(moved) {
			if side := perceptualSide / (4 << i); a.Dim(1) != side || a.Dim(2) != side {
				t.Errorf("stage %d: %v", i, a)
			}
			total = total.Add(a.Square().Mean().Reshape(1))
		}
		total.Backward()
		return gradcheck.Exact(total)[0], x.Grad().Values()
	}
	_, gradient := loss(0)
	const step = 1e-7
	above, _ := loss(step)
	below, _ := loss(-step)
	slope := 0.0
	for i, g := range gradient {
		slope += float64(g) * float64(direction[i])
	}
	if got := (above - below) / (2 * step); math.Abs(got-slope) > 2e-3*math.Abs(slope) {
		t.Errorf("the loss changes by %v, the gradient says %v", got, slope)
	}
}
