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
