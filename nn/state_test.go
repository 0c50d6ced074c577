package nn

import (
	"errors"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/tensor"
)

// model has a layer of each kind that has parameters.
func model(d *tensor.Device, seed uint64) *Sequential {
	g := tensor.NewGenerator(seed)
	s := NewSequential(
		NewConv2d(d, 2, 3, 2, true, tensor.ConvOptions{}, g),
		NewBatchNorm(d, 3, tensor.ReLU),
		NewConvTranspose2d(d, 3, 4, 2, false, tensor.ConvOptions{}, g),
		NewDropout(0.5, g),
	)
	inner := &Sequential{}
	inner.Add("fc", NewLinear(d, 4, 5, true, g))
	inner.Add("norm", NewLayerNorm(d, 5))
	inner.Add("act", ReLU)
	s.Add("head", inner)
	return s
}

var modelPaths = []string{
	"0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var", "1.num_batches_tracked", "2.weight",
	"head.fc.weight", "head.fc.bias", "head.norm.weight", "head.norm.bias",
}

func TestPaths(t *testing.T) {
	m := model(device(t), 1)
	var paths []string
	buffers := 0
	for _, p := range Params(m) {
		paths = append(paths, p.Path)
		if !p.Trainable {
			buffers++
		}
		if p.Trainable != p.Tensor.RequiresGrad() {
			t.Errorf("%s: trainable %t, but requires a gradient: %t", p.Path, p.Trainable, p.Tensor.RequiresGrad())
		}
	}
	if !slices.Equal(paths, modelPaths) {
		t.Errorf("paths %v, want %v", paths, modelPaths)
	}
	if n := len(Trainable(m)); n != len(paths)-3 || buffers != 3 {
		t.Errorf("%d parameters and %d buffers of %d", n, buffers, len(paths))
	}
	if got, want := Count(m), 2*3*4+3+3+3+3*4*4+4*5+5+5+5; got != want {
		t.Errorf("%d learned values, want %d", got, want)
	}
	if got := Join("", "a") + Join("a", "b"); got != "aa.b" {
		t.Errorf("%q", got)
	}
	defer func() {
		if recover() == nil {
			t.Error("two layers have one name")
		}
	}()
	m.Add("head", ReLU)
}

func TestModes(t *testing.T) {
	d := device(t)
	m := model(d, 1)
	x := d.Full(1, 2, 3, 3, 2)
	m.SetTraining(false)
	first := m.Forward(x).Values()
	if !slices.Equal(first, m.Forward(x).Values()) {
		t.Error("evaluation is random")
	}
	m.SetTraining(true)
	s := d.Record()
	m.Forward(x).Sum().Backward()
	s.End()
	if m.Layers()[1].(*BatchNorm).Batches.IntValues()[0] != 1 {
		t.Error("the mode didn't reach the batch norm")
	}
	for _, p := range Trainable(m) {
		if p.Tensor.Grad() == nil {
			t.Errorf("%s has no gradient", p.Path)
		}
	}
	ZeroGrad(m)
	for _, p := range Trainable(m) {
		if p.Tensor.Grad() != nil {
			t.Errorf("%s has a gradient after ZeroGrad", p.Path)
		}
	}
}

// write saves tensors and reads them back.
func write(t *testing.T, tensors []safetensors.Tensor) *safetensors.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "model.safetensors")
	if err := safetensors.Write(path, tensors, nil); err != nil {
		t.Fatal(err)
	}
	f, err := safetensors.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func values(m Module) (all [][]float32) {
	for _, p := range Params(m) {
		if p.Tensor.IsInts() {
			all = append(all, []float32{float32(p.Tensor.IntValues()[0])})
		} else {
			all = append(all, p.Tensor.Values())
		}
	}
	return all
}

func same(a, b [][]float32) bool { return slices.EqualFunc(a, b, slices.Equal[[]float32]) }

func TestSaveAndLoad(t *testing.T) {
	d := device(t)
	m, other := model(d, 1), model(d, 2)
	m.Forward(d.Full(1, 2, 3, 3, 2)) // moves the statistics
	f := write(t, state(m))
	if err := load(other, f, ""); err != nil {
		t.Fatal(err)
	}
	if !same(values(m), values(other)) {
		t.Error("what is loaded differs from what was saved")
	}
	var prefixed []safetensors.Tensor
	for _, s := range state(m) {
		s.Name = "net." + s.Name
		prefixed = append(prefixed, s)
	}
	prefixed = append(prefixed, safetensors.Tensor{Name: "other", DType: safetensors.F32, Shape: []int{1}, F32: []float32{1}})
	third := model(d, 3)
	if err := load(third, write(t, prefixed), "net."); err != nil {
		t.Fatal(err)
	}
	if !same(values(m), values(third)) {
		t.Error("what is loaded under a prefix differs")
	}
}

// TestLayouts checks that files have PyTorch's dimensions: [out, in], [out, in, KH, KW], transposed [in, out, KH, KW].
func TestLayouts(t *testing.T) {
	d := device(t)
	m := model(d, 1)
	f := write(t, state(m))
	at := func(shape, index []int, v []float32) float32 {
		i := 0
		for dim, n := range shape {
			i = i*n + index[dim]
		}
		return v[i]
	}
	params := map[string]Param{}
	for _, p := range Params(m) {
		params[p.Path] = p
	}
	for name, want := range map[string][]int{"0.weight": {3, 2, 2, 2}, "2.weight": {3, 4, 2, 2}, "head.fc.weight": {5, 4}} {
		v, shape, err := f.Float32(name)
		if err != nil || !slices.Equal(shape, want) {
			t.Fatalf("%s: shape %v (%v), want %v", name, shape, err, want)
		}
		own := params[name].Tensor
		for i := range v {
			index, rest := make([]int, len(shape)), i
			for dim := len(shape) - 1; dim >= 0; dim-- {
				index[dim] = rest % shape[dim]
				rest /= shape[dim]
			}
			ours := []int{index[1], index[0]} // [in, out]
			if len(shape) == 4 {
				ours = []int{index[2], index[3], index[1], index[0]} // [KH, KW, in, out], transposed [KH, KW, out, in]
			}
			if got := at(own.Shape(), ours, own.Values()); got != v[i] {
				t.Fatalf("%s%v is %g in the file and %g here", name, index, v[i], got)
			}
		}
	}
	if n, shape, err := f.Int64("1.num_batches_tracked"); err != nil || len(shape) != 0 || n[0] != 0 {
		t.Errorf("num_batches_tracked: %v %v (%v)", n, shape, err)
	}

	p := params["0.weight"] // a moment, under a name of its own
	moment := tensor.NewGenerator(5).Normal(d, p.Tensor.Shape()...)
	back := d.Zeros(p.Tensor.Shape()...)
	if err := p.loadFrom(write(t, []safetensors.Tensor{p.saveAs("m", moment)}), "m", back); err != nil || !slices.Equal(back.Values(), moment.Values()) {
		t.Errorf("a moment doesn't survive: %v", err)
	}
}

// TestFilesThatDoNotFit expects an error that names the file and the tensor, and a model that is as before.
func TestFilesThatDoNotFit(t *testing.T) {
	d := device(t)
	m := model(d, 1)
	before := values(m)
	find := func(all []safetensors.Tensor, name string) int {
		return slices.IndexFunc(all, func(s safetensors.Tensor) bool { return s.Name == name })
	}
	for name, c := range map[string]struct {
		change func(all []safetensors.Tensor) []safetensors.Tensor
		want   []string
	}{
		"missing": {func(all []safetensors.Tensor) []safetensors.Tensor {
			return slices.Delete(all, find(all, "head.norm.bias"), find(all, "head.norm.bias")+1)
		}, []string{`no "head.norm.bias"`}},
		"extra": {func(all []safetensors.Tensor) []safetensors.Tensor {
			return append(all, safetensors.Tensor{Name: "head.fc2.weight", DType: safetensors.F32, Shape: []int{0}})
		}, []string{`"head.fc2.weight"`, "doesn't have"}},
		"shape": {func(all []safetensors.Tensor) []safetensors.Tensor {
			all[find(all, "head.fc.weight")].Shape = []int{4, 5} // as many numbers, our order
			return all
		}, []string{`"head.fc.weight"`, "[4 5] instead of [5 4]"}},
		"type": {func(all []safetensors.Tensor) []safetensors.Tensor {
			all[find(all, "0.bias")] = safetensors.Tensor{Name: "0.bias", DType: safetensors.I32, Shape: []int{3}, I32: []int32{1, 2, 3}}
			return all
		}, []string{`"0.bias"`, "I32"}},
		"count": {func(all []safetensors.Tensor) []safetensors.Tensor {
			all[find(all, "1.num_batches_tracked")] = safetensors.Tensor{Name: "1.num_batches_tracked", DType: safetensors.I64, Shape: []int{1}, I64: []int64{1}}
			return all
		}, []string{`"1.num_batches_tracked"`, "[1] instead of []"}},
	} {
		f := write(t, c.change(state(model(d, 2))))
		err := load(m, f, "")
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		for _, want := range append(c.want, f.Path, "use a file that was saved for this model") {
			if !strings.Contains(err.Error(), want) || strings.Count(err.Error(), f.Path) != 1 {
				t.Errorf("%s: %q doesn't say %q", name, err, want)
			}
		}
		if !same(before, values(m)) {
			t.Fatalf("%s: the model has changed", name)
		}
	}
}

// TestWeightsThatAreNotFinite: what a diverged training saved is refused, with the number of bad values and the first name.
func TestWeightsThatAreNotFinite(t *testing.T) {
	d := device(t)
	m := model(d, 1)
	before := values(m)
	broken := model(d, 2)
	nan, inf := float32(math.NaN()), float32(math.Inf(-1))
	broken.Layers()[1].(*BatchNorm).RunningVar.Set([]float32{1, nan, inf})
	for _, p := range Params(broken) {
		if p.Path == "head.fc.bias" {
			p.Tensor.Set([]float32{nan, 0, 0, 0, 0})
		}
	}
	path := filepath.Join(t.TempDir(), "model.safetensors")
	if err := SaveFile(broken, path); err != nil {
		t.Fatal(err)
	}
	err := LoadFile(m, path)
	var damaged *fault.DamagedFile
	if !errors.As(err, &damaged) || damaged.Path != path || !strings.Contains(damaged.Problem, `has 3 weights that are NaN or infinite, the first of them in "1.running_var"`) {
		t.Errorf("got %v", err)
	}
	if !same(before, values(m)) {
		t.Error("the model has changed")
	}
}

func TestFile(t *testing.T) {
	d := device(t)
	path := filepath.Join(t.TempDir(), "model.safetensors")
	saved, loaded := NewLinear(d, 3, 2, true, tensor.NewGenerator(1)), NewLinear(d, 3, 2, true, tensor.NewGenerator(2))
	if err := SaveFile(saved, path); err != nil {
		t.Fatal(err)
	}
	if err := LoadFile(loaded, path); err != nil || !slices.Equal(loaded.Weight.Values(), saved.Weight.Values()) || !slices.Equal(loaded.Bias.Values(), saved.Bias.Values()) {
		t.Errorf("%v: loaded %v %v, saved %v %v", err, loaded.Weight.Values(), loaded.Bias.Values(), saved.Weight.Values(), saved.Bias.Values())
	}
	if err := LoadFile(NewLinear(d, 3, 2, false, tensor.NewGenerator(2)), path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("a file of another model: %v", err)
	}
}

// TestChecksum has numbers and counters, each of which matters.
func TestChecksum(t *testing.T) {
	d := device(t)
	n := NewBatchNorm(d, 3, tensor.Activation{})
	before := Checksum(n)
	if again := Checksum(n); again != before {
		t.Errorf("%s and then %s", before, again)
	}
	engine.Kernels(d).UploadInts(engine.Data(n.Batches), []int32{5})
	counted := Checksum(n)
	n.Bias.Set([]float32{0, 1, 0})
	if moved := Checksum(n); counted == before || moved == counted {
		t.Errorf("%s, %s with another counter, %s with another bias", before, counted, moved)
	}
}
