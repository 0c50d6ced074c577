package nn

import (
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/finite"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/tensor"
)

// state returns copies of the parameters and buffers of m in PyTorch's layout.
func state(m Module) []safetensors.Tensor {
	var all []safetensors.Tensor
	m.Visit("", func(p Param) { all = append(all, p.saveAs(p.Path, p.Tensor)) })
	return all
}

// saveAs returns a copy of t, which has p's shape (p itself, a gradient, a moment), in PyTorch's layout under a name.
func (p Param) saveAs(name string, t *tensor.Tensor) safetensors.Tensor {
	if p.Torch != nil {
		t = t.Detach().Permute(p.Torch...)
	}
	s := safetensors.Tensor{Name: name, Shape: slices.Clone(t.Shape())}
	if !t.IsInts() {
		s.DType, s.F32 = safetensors.F32, t.Values()
		return s
	}
	s.DType = safetensors.I64
	for _, v := range t.IntValues() {
		s.I64 = append(s.I64, int64(v))
	}
	return s
}

// remedy is the advice about a file that doesn't fit a model.
const remedy = "use a file that was saved for this model and configuration"

// load sets the parameters and buffers of m from the tensors of a file whose names begin with prefix. The file must have
// each of them with the right shape and finite values, and no others with the prefix. m is unchanged after an error, a
// [*fault.DamagedFile].
func load(m Module, f *safetensors.File, prefix string) error {
	var sets []func()
	known := map[string]bool{}
	var err error
	var check finite.Check
	m.Visit("", func(p Param) {
		name := prefix + p.Path
		known[name] = true
		set, e := p.setter(f, name, p.Tensor)
		if err == nil {
			err = e
		}
		if e == nil && !p.Tensor.IsInts() {
			values, _, _ := f.Float32(name) // setter has read it
			check.Add(name, values)
		}
		sets = append(sets, set)
	})
	if err != nil {
		return err
	}
	for _, name := range f.Names() {
		if strings.HasPrefix(name, prefix) && !known[name] {
			return fault.Damaged(f.Path, "holds %q, which this model doesn't have; %s", name, remedy)
		}
	}
	if problem := check.Problem(); problem != "" {
		return fault.Damaged(f.Path, "%s", problem)
	}
	for _, set := range sets {
		set()
	}
	return nil
}

// loadFrom sets t, which has p's shape, from the tensor of that name.
func (p Param) loadFrom(f *safetensors.File, name string, t *tensor.Tensor) error {
	set, err := p.setter(f, name, t)
	if err == nil {
		set()
	}
	return err
}

// setter checks the tensor of that name and returns a function that sets t from it.
func (p Param) setter(f *safetensors.File, name string, t *tensor.Tensor) (set func(), err error) {
	if !f.Has(name) {
		return nil, fault.Damaged(f.Path, "has no %q; %s", name, remedy)
	}
	want := t.Shape()
	if p.Torch != nil {
		want = make([]int, len(p.Torch))
		for i, from := range p.Torch {
			want[i] = t.Dim(from)
		}
	}
	if t.IsInts() {
		values, shape, err := f.Int64(name)
		if err != nil {
			return nil, err
		}
		if !slices.Equal(shape, want) {
			return nil, shapeError(f, name, shape, want)
		}
		narrow := make([]int32, len(values))
		for i, v := range values {
			if narrow[i] = int32(v); int64(narrow[i]) != v {
				return nil, fault.Damaged(f.Path, "has %d in %q, more than 32 bits hold; %s", v, name, remedy)
			}
		}
		if p.Check != nil {
			if err := p.Check(narrow); err != nil {
				return nil, fault.Damaged(f.Path, "has %q %v; %s", name, err, remedy)
			}
		}
		return func() { engine.Kernels(t.Device()).UploadInts(engine.Data(t), narrow) }, nil
	}
	values, shape, err := f.Float32(name)
	if err != nil {
		return nil, err
	}
	if !slices.Equal(shape, want) {
		return nil, shapeError(f, name, shape, want)
	}
	if p.Torch == nil {
		return func() { t.Set(values) }, nil
	}
	return func() {
		back := make([]int, len(p.Torch))
		for i, from := range p.Torch {
			back[from] = i
		}
		s := t.Device().Scratch()
		defer s.End()
		t.Set(t.Device().From(values, want...).Permute(back...).Values())
	}, nil
}

func shapeError(f *safetensors.File, name string, got, want []int) error {
	return fault.Damaged(f.Path, "has %q with shape %v instead of %v; %s", name, got, want, remedy)
}
