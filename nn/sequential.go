package nn

import (
	"slices"
	"strconv"

	"github.com/bestiary-ml/bestiary/tensor"
)

// Sequential applies layers one after the other: the output of each is the input of the next. Each layer has a name,
// its part of the path. The zero value has no layers and returns its input.
type Sequential struct {
	names  []string
	layers []Layer
}

// NewSequential returns layers under the names 0, 1, 2, …
func NewSequential(layers ...Layer) *Sequential {
	s := &Sequential{}
	for i, l := range layers {
		s.Add(strconv.Itoa(i), l)
	}
	return s
}

// Add appends a layer under a name; it panics if the name is taken. Names need not be consecutive: a layer with a fused
// activation stands for two of PyTorch's, and the name of the second is left out.
func (s *Sequential) Add(name string, l Layer) {
	if slices.Contains(s.names, name) {
		panic("nn: two layers of a Sequential are named " + name)
	}
	s.names, s.layers = append(s.names, name), append(s.layers, l)
}

// Forward implements Layer.
func (s *Sequential) Forward(x *tensor.Tensor) *tensor.Tensor {
	for _, l := range s.layers {
		x = l.Forward(x)
	}
	return x
}

// Layers returns the layers in order.
func (s *Sequential) Layers() []Layer { return s.layers }

// Visit implements Module.
func (s *Sequential) Visit(path string, f func(Param)) {
	for i, l := range s.layers {
		l.Visit(Join(path, s.names[i]), f)
	}
}

// SetTraining implements Module.
func (s *Sequential) SetTraining(on bool) {
	for _, l := range s.layers {
		l.SetTraining(on)
	}
}

// String implements fmt.Stringer: the table of [Summary].
func (s *Sequential) String() string { return Summary(s) }
