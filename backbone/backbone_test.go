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
	"unsafe"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/internal/gradcheck"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// gain is the number of testdata/make_golden.py for the weights of an architecture.
func gain(name string) float64 {
	switch {
	case strings.HasPrefix(name, "res"), strings.HasPrefix(name, "se"):
		return 3
	case name == "efficientnet_b5", name == "efficientnet_b6", name == "efficientnet_b7":
		return 5
	}
	return 6
}

// state returns the weights of testdata/make_golden.py. They are made from the shapes of the parameters, as copying the values of all
// networks takes longer than the comparisons.
func state(m nn.Module, of string) (all []safetensors.Tensor) {
	for _, p := range nn.Params(m) {
		if p.Tensor.IsInts() {
			all = append(all, weights.Save(p))
			continue
		}
		s := safetensors.Tensor{Name: p.Path, DType: safetensors.F32, Shape: torchShape(p), F32: golden.Numbers(p.Path, p.Tensor.Len())}
		fan := 1
		for _, n := range s.Shape[1:] {
			fan *= n
		}
		scale := float32(math.Sqrt(gain(of) / float64(fan)))
		for i, v := range s.F32 {
			switch half := 0.5 * v; {
			case len(s.Shape) > 1:
				s.F32[i] = v * scale
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

// torchShape is the shape of a parameter in PyTorch.
func torchShape(p nn.Param) []int {
	shape := slices.Clone(p.Tensor.Shape())
	for i, from := range p.Torch {
		shape[i] = p.Tensor.Dim(from)
	}
	return shape
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
	compareAll(t, stored, false)
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
		if _, err := os.Stat("testdata/" + name + ".safetensors"); err == nil && name != "vgg16" {
			continue
		}
		dir := t.TempDir()
		if out, err := exec.CommandContext(t.Context(), python, "testdata/make_golden.py", dir, name).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
		compareAll(t, []string{filepath.Join(dir, name+".safetensors")}, true)
	}
}

// sameBlocks are the large architectures of which TestGolden leaves out the gradient, which takes long: EfficientNet-B0 has all blocks of
// B5, and SE-ResNet-50 those of ResNeXt-50 but for grouped convolutions, whose gradient is tested with the operation.
var sameBlocks = map[string]bool{"efficientnet_b5": true, "resnext50_32x4d": true}

// compareAll compares the architectures that golden files are named after. The classifier of VGG16, of 0.5 GB, is left out unless all
// is set.
func compareAll(t *testing.T, files []string, all bool) {
	for _, path := range files {
		name := strings.TrimSuffix(filepath.Base(path), ".safetensors")
		t.Run(name, func(t *testing.T) {
			f := golden.Read(t, path)
			var values []safetensors.Tensor // made once for both devices
			network := func(d *tensor.Device, last part) upTo {
				b := upTo{build(t, d, name), last}
				if values == nil {
					values = state(b, name)
				}
				own := values[:min(len(values), len(nn.Params(b)))] // later parts come last
				if err := weights.Load(b, safetensors.NewFile("golden", own, nil), ""); err != nil {
					t.Fatal(err)
				}
				return b
			}
			last := classifier
			if name == "vgg16" && !all {
				last = stages
			}
			b := network(golden.Device(t), last)
			compare(t, b, f, false)
			nn.Freeze(b)
			compare(t, b, f, false)
			if sameBlocks[name] && !all {
				return
			}
			exact := network(gradcheck.Device(t), stages) // the gradient is that of the features
			nn.Freeze(exact)
			compare(t, exact, f, true)
		})
	}
}

// upTo is a network without the parts after the last one.
type upTo struct {
	*Backbone
	last part
}

func (b upTo) Visit(path string, f func(nn.Param)) { b.net.visit(path, b.last, f) }

// near compares with golden values, of which make_golden.py keeps some.
func near(t *testing.T, what string, got []float32, f *safetensors.File) {
	t.Helper()
	want := golden.Floats(t, f, what)
	if step := len(got)/1024 | 1; len(want) < len(got) {
		var kept []float32
		for i := 0; i < len(got); i += step {
			kept = append(kept, got[i])
		}
		got = kept
	}
	golden.Near(t, what, got, want, 1e-4)
}

func compare(t *testing.T, b upTo, f *safetensors.File, gradient bool) {
	t.Helper()
	d := b.scale.Device()
	const size = 32
	s := d.Record()
	defer s.End()
	x := d.From(golden.Numbers("pictures", 2*size*size*3), 2, size, size, 3).SetRequiresGrad(gradient)
	all := b.Features(x)
	loss := all[0].Square().Mean()
	for i, stride := range []string{"stride4", "stride8", "stride16", "stride32"} {
		near(t, stride, all[i].Values(), f)
		if side := size / b.Strides()[i]; all[i].Dim(1) != side || all[i].Dim(3) != b.Widths()[i] {
			t.Errorf("%s is %v", stride, all[i])
		}
		if i > 0 {
			loss = loss.Add(all[i].Square().Mean())
		}
	}
	if b.last == classifier {
		pooled := b.net.pooled(all[3])
		near(t, "pooled", pooled.Values(), f)
		near(t, "logits", b.Logits(pooled).Values(), f)
	}
	if gradient {
		loss.Backward()
		near(t, "gradient", x.Grad().Values(), f)
	}
}

// published are the numbers of parameters.
var published = map[string]int{
	"vgg16": 138_357_544, "resnet18": 11_689_512, "resnet34": 21_797_672, "resnet50": 25_557_032, "resnet101": 44_549_160,
	"resnet152": 60_192_808, "resnext50_32x4d": 25_028_904, "resnext101_32x4d": 44_177_704, "resnext101_32x8d": 88_791_336,
	"seresnet18": 11_778_592, "seresnet34": 21_958_868, "seresnet50": 28_088_024,
	"seresnet101": 49_326_872, "seresnet152": 66_821_848, "seresnext50_32x4d": 27_559_896, "seresnext101_32x4d": 48_955_416,
	"senet154": 115_088_984, "mobilenet_v1": 4_231_976, "mobilenet_v2": 3_504_872, "efficientnet-lite0": 4_652_008,
	"efficientnet_b0": 5_288_548, "efficientnet_b1": 7_794_184, "efficientnet_b2": 9_109_994, "efficientnet_b3": 12_233_232,
	"efficientnet_b4": 19_341_616, "efficientnet_b5": 30_389_784, "efficientnet_b6": 43_040_704, "efficientnet_b7": 66_347_960,
}

// shapesOnly is a device whose tensors have shapes, but no memory.
type shapesOnly struct{ kernel.Device }

func (shapesOnly) Features() kernel.Features { return kernel.Features{HostMemory: true} }
func (shapesOnly) Alloc(n int) kernel.Buffer {
	return kernel.Buffer{Host: unsafe.Pointer(new(byte)), Len: n, Size: 4}
}
func (shapesOnly) AllocInts(n int) kernel.Buffer                     { return shapesOnly{}.Alloc(n) }
func (shapesOnly) Fill(kernel.Buffer, float64)                       {}
func (shapesOnly) Copy(kernel.Strided, kernel.Buffer, kernel.Buffer) {}
func (shapesOnly) Upload(kernel.Buffer, []float32)                   {}
func (shapesOnly) UploadInts(kernel.Buffer, []int32)                 {}

// TestParameters compares the numbers of parameters with the published ones, and identifies files by their names and shapes.
func TestParameters(t *testing.T) {
	d := engine.NewDevice(shapesOnly{})
	for _, name := range Names() {
		b := build(t, d, name)
		if n := nn.Count(b); n != published[name] {
			t.Errorf("%s has %d parameters, want %d", name, n, published[name])
		}
		weights := nn.Trainable(b)
		f, err := PooledFeatures(name)
		if last := weights[len(weights)-2].Tensor; err != nil || last.Dim(0) != f || last.Dim(1) != classes {
			t.Errorf("%s pools %v features, %v", name, f, err)
		}
		if !strings.Contains(b.String(), b.Title()) || TitleOf(name) != b.Title() || TitleOf("another") != "another" {
			t.Errorf("%s is titled %q", name, b.Title())
		}
		if a := architectureOf(shapes(b)); a == nil || a.name != name {
			t.Errorf("a file of %s is taken for %v", name, a)
		}
		ofStages := map[string][]int{}
		b.VisitStages("", func(p nn.Param) { ofStages[p.Path] = torchShape(p) })
		if got := OfStages(ofStages); got != name {
			t.Errorf("the stages of %s are taken for those of %q", name, got)
		}
	}
}

// TestCanonical builds networks by other names, which belong to networks of Names.
func TestCanonical(t *testing.T) {
	for other, name := range aliases {
		b := build(t, engine.NewDevice(shapesOnly{}), other)
		if b.Name() != name || Canonical(other) != name || Canonical(name) != name || slices.Contains(Names(), other) {
			t.Errorf("%s is %s, want %s", other, b.Name(), name)
		}
	}
	if got := OfStages(map[string][]int{"conv1.weight": {64, 3, 7, 7}}); got != "" {
		t.Errorf("a convolution is taken for %s", got)
	}
}

// TestAnotherArchitecture has files whose names are those of ResNet-50 but for a shape or a block.
func TestAnotherArchitecture(t *testing.T) {
	all := shapes(build(t, engine.NewDevice(shapesOnly{}), "resnet50"))
	for _, change := range []func(s *safetensors.Tensor){
		func(s *safetensors.Tensor) { // Wide ResNet-50-2
			if s.Name == "layer1.0.conv2.weight" {
				s.Shape = []int{128, 128, 3, 3}
			}
		},
		func(s *safetensors.Tensor) { s.Name = strings.Replace(s.Name, "layer3.5", "layer3.6", 1) },
		func(s *safetensors.Tensor) { s.Name = strings.Replace(s.Name, "fc.", "head.", 1) },
	} {
		var other []safetensors.Tensor
		for _, name := range all.Names() {
			s, err := all.Tensor(name)
			if err != nil {
				t.Fatal(err)
			}
			changed := *s
			change(&changed)
			other = append(other, changed)
		}
		if a := architectureOf(safetensors.NewFile("other", other, nil)); a != nil {
			t.Errorf("another file is taken for %s", a.name)
		}
	}
}

// shapes is a file with the names and shapes of the parameters of b, as in PyTorch.
func shapes(b *Backbone) *safetensors.File {
	var all []safetensors.Tensor
	for _, p := range nn.Params(b) {
		all = append(all, safetensors.Tensor{Name: p.Path, Shape: torchShape(p)})
	}
	return safetensors.NewFile("shapes", all, nil)
}

// TestFiles opens whole files, and files that are not what they should be.
func TestFiles(t *testing.T) {
	d, path := golden.CPU(t), filepath.Join(t.TempDir(), "weights.safetensors")
	all := state(build(t, d, "efficientnet-lite0"), "efficientnet-lite0")
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
		"[3 32 3 3]": turned, "holds no network of": {other},
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
	if err := b.load(safetensors.NewFile("golden", state(b, b.Name()), nil)); err != nil {
		t.Fatal(err)
	}
	b.Freeze()
	const size = 16
	values, direction := golden.Numbers("a picture", size*size*3), golden.Numbers("a direction", size*size*3)
	loss := func(step float64, backward bool) (sum float64, gradient []float32) {
		s := d.Record()
		defer s.End()
		x := d.From(values, 1, size, size, 3).SetRequiresGrad(backward)
		moved := x.Add(d.From(direction, 1, size, size, 3).Scale(step)) // in float64
		total := d.Zeros(1)
		for i, a := range b.Activations(moved) {
			if side := perceptualSide / (4 << i); a.Dim(1) != side || a.Dim(2) != side {
				t.Errorf("stage %d: %v", i, a)
			}
			total = total.Add(a.Square().Mean().Reshape(1))
		}
		if backward {
			total.Backward()
			gradient = x.Grad().Values()
		}
		return gradcheck.Exact(total)[0], gradient
	}
	_, gradient := loss(0, true)
	const step = 1e-7
	above, _ := loss(step, false)
	below, _ := loss(-step, false)
	slope := 0.0
	for i, g := range gradient {
		slope += float64(g) * float64(direction[i])
	}
	if got := (above - below) / (2 * step); math.Abs(got-slope) > 2e-3*math.Abs(slope) {
		t.Errorf("the loss changes by %v, the gradient says %v", got, slope)
	}
}

// TestNewRandom trains a network from nothing: batches change the running statistics, except of frozen stages.
func TestNewRandom(t *testing.T) {
	d := golden.CPU(t)
	b, err := NewRandom(d, "resnet18", tensor.NewGenerator(1))
	if err != nil {
		t.Fatal(err)
	}
	x := d.From(golden.Numbers("pictures", 2*64*64*3), 2, 64, 64, 3)
	state := func() map[string][]float32 {
		all := map[string][]float32{}
		for _, p := range nn.Params(b) {
			if !p.Tensor.IsInts() {
				all[p.Path] = p.Tensor.Values()
			}
		}
		return all
	}
	pass := func(training bool) map[string]bool {
		t.Helper()
		b.SetTraining(training)
		before, s := state(), d.Record()
		defer s.End()
		nn.ZeroGrad(b)
		b.Logits(b.Pooled(x)).Square().Mean().Backward()
		changed := map[string]bool{}
		for path, values := range state() {
			changed[path] = !slices.Equal(values, before[path])
		}
		return changed
	}
	std := 0.0
	for _, v := range state()["layer3.0.conv1.weight"] {
		std += float64(v*v) / (9 * 128 * 256)
	}
	if std = math.Sqrt(std); math.Abs(std-math.Sqrt(2./(9*256))) > 1e-3 {
		t.Errorf("weights of deviation %v", std)
	}
	if pass(false)["layer1.0.bn1.running_mean"] {
		t.Error("evaluation changes the running statistics")
	}
	if !pass(true)["bn1.running_mean"] {
		t.Error("training doesn't change the running statistics")
	}
	if err := b.FreezeStages(2); err != nil {
		t.Fatal(err)
	}
	changed := pass(true)
	for path, want := range map[string]bool{
		"bn1.running_mean": false, "layer2.1.bn2.running_var": false, "layer3.0.bn1.running_mean": true, "layer4.1.bn2.running_var": true,
	} {
		if changed[path] != want {
			t.Errorf("%s changes: %v", path, changed[path])
		}
	}
	for _, p := range nn.Trainable(b) {
		frozen := strings.HasPrefix(p.Path, "layer1") || strings.HasPrefix(p.Path, "layer2") || !strings.Contains(p.Path, "layer") && p.Path[:2] != "fc"
		if (p.Tensor.Grad() == nil) != frozen {
			t.Errorf("%s: frozen %v, gradient %v", p.Path, frozen, p.Tensor.Grad())
		}
	}
	var wrong *fault.FieldError
	if err := b.FreezeStages(5); !errors.As(err, &wrong) {
		t.Errorf("five stages: %v", err)
	}
	if _, err := NewRandom(d, "resnet18", nil); !errors.As(err, &wrong) {
		t.Errorf("no generator: %v", err)
	}
}

// TestFreezeStages counts the parameters that compute the first of the features, for all networks.
func TestFreezeStages(t *testing.T) {
	d := engine.NewDevice(shapesOnly{})
	for _, name := range Names() {
		before, all := 0, 0
		for n := range 5 {
			b := build(t, d, name)
			if err := b.FreezeStages(n); err != nil {
				t.Fatal(err)
			}
			frozen := 0
			all = 0
			b.VisitStages("", func(p nn.Param) {
				if all++; p.Trainable && !p.Tensor.RequiresGrad() {
					frozen++
				}
			})
			if n > 0 && frozen <= before || n == 0 && frozen > 0 {
				t.Errorf("%s: %d parameters of %d stages are frozen", name, frozen, n)
			}
			before = frozen
		}
		b, trained := build(t, d, name), 0
		b.VisitStages("", func(p nn.Param) {
			if p.Trainable {
				trained++
			}
		})
		if before != trained {
			t.Errorf("%s: %d of %d parameters are frozen with all stages", name, before, trained)
		}
	}
}
