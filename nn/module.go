// Package nn has the layers that models are built of, and the paths by which their parameters are known.
//
// A layer is a plain struct. Its constructor takes the device, the sizes and a generator, and draws PyTorch's default
// initialisation; a model that wants another one overwrites it with [Normal] and its like. Weights are stored in the
// layout that computes fastest ([in, out], [KH, KW, in, out]); in files they have PyTorch's (see [Param]).
package nn

import (
	"github.com/bestiary-ml/bestiary/tensor"
)

// Param is a parameter or a buffer (a tensor that belongs to a model but isn't learned) under its dotted path.
type Param struct {
	Path      string
	Tensor    *tensor.Tensor
	Trainable bool
	// Torch tells how PyTorch orders the dimensions: its dimension i is dimension Torch[i] here. Nil: the same order.
	Torch []int
	// Check tells what is wrong with indices that are about to be loaded, in words that follow their name; nil: any will do.
	// It is asked about all of a module's in the order of Visit.
	Check func(values []int32) error
}

// Module is anything with parameters.
type Module interface {
	// Visit calls f for every parameter and buffer, in a fixed order, with its path below the module's own.
	Visit(path string, f func(Param))
	// SetTraining switches between training and evaluation, which differ in batch norm and dropout.
	SetTraining(on bool)
}

// Layer is a module that maps one tensor to another.
type Layer interface {
	Module
	Forward(x *tensor.Tensor) *tensor.Tensor
}

// Join appends a name to a path.
func Join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// Params lists the parameters and buffers of m.
func Params(m Module) []Param {
	var all []Param
	m.Visit("", func(p Param) { all = append(all, p) })
	return all
}

// Trainable lists the parameters of m that are learned.
func Trainable(m Module) []Param {
	var learned []Param
	m.Visit("", func(p Param) {
		if p.Trainable {
			learned = append(learned, p)
		}
	})
	return learned
}

// Freeze promises that m's parameters and buffers stay as they are, as those of a model that only answers do, which then
// answers faster: see [tensor.Tensor.Freeze].
func Freeze(m Module) {
	m.Visit("", func(p Param) { p.Tensor.Freeze() })
}

// Count is the number of learned values of m.
func Count(m Module) int {
	n := 0
	for _, p := range Trainable(m) {
		n += p.Tensor.Len()
	}
	return n
}

// ZeroGrad forgets the gradients of m.
func ZeroGrad(m Module) { m.Visit("", func(p Param) { p.Tensor.ZeroGrad() }) }

// learned visits a trainable parameter unless it is absent.
func learned(f func(Param), path, name string, t *tensor.Tensor, torch []int) {
	if t != nil {
		f(Param{Path: Join(path, name), Tensor: t, Trainable: true, Torch: torch})
	}
}

// Stateless is embedded by layers that have neither parameters nor modes.
type Stateless struct{}

// Visit implements Module.
func (Stateless) Visit(string, func(Param)) {}

// SetTraining implements Module.
func (Stateless) SetTraining(bool) {}
