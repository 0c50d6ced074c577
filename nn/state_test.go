package nn

import (
	"path/filepath"
	"slices"
	"testing"

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
