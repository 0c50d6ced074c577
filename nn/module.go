// Package nn has layers, and the dotted paths by which their parameters are known in code, checkpoints and logs.
//
// A layer is a plain struct with a Forward method. Its constructor takes a device, sizes and a generator, and draws
// PyTorch's default initialisation; a model that wants another one overwrites it (see [Normal]):
//
//	net := nn.NewSequential(
//		nn.NewLinear(d, 2, 16, true, g), // [N, 2] → [N, 16]
//		nn.ReLU,
//		nn.NewLinear(d, 16, 1, true, g), // [N, 16] → [N, 1]
//	)
//	fmt.Println(net) // a table of layers, shapes and parameters
//
// A model is a struct of layers that implements [Module]. Weights are stored in the layout that computes fastest
// ([in, out], [KH, KW, in, out]) and written to files in PyTorch's (see [Param]).
//
// Layers panic on tensors of the wrong shape, as the operations of package tensor do.
package nn

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/tensor"
)

// Param is a parameter, or a buffer: a tensor that belongs to a model but isn't trained.
type Param struct {
	Path      string // dotted: "encoder.0.weight"
	Tensor    *tensor.Tensor
	Trainable bool
	// Torch is PyTorch's order of the dimensions: its dimension i is dimension Torch[i] here. Nil is the same order.
	Torch []int
	// Check returns an error for integer values that must not be loaded; nil accepts all. The text of the error follows
	// the name of the parameter: "that is not a permutation". Parameters are checked in the order of Visit.
	Check func(values []int32) error
	// Layer describes the layer that the parameter belongs to in one line, for [Summary]; nil if unknown. It must not
	// call Summary.
	Layer fmt.Stringer
	// Block is the part of the model that alone uses the parameter, and that [Enter] announces before it does, such as a layer of a
	// transformer; nil: it may be used at any time. It identifies the part, as a pointer does.
	Block any
}

// Module is anything with parameters.
type Module interface {
	// Visit calls f for every parameter and buffer, in a fixed order. path is the path of the module itself.
	Visit(path string, f func(Param))
	// SetTraining switches between training and evaluation, which differ in batch normalization and dropout.
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

// Params returns the parameters and buffers of m.
func Params(m Module) []Param {
	var all []Param
	m.Visit("", func(p Param) { all = append(all, p) })
	return all
}

// Trainable returns the parameters of m that are trained.
func Trainable(m Module) []Param {
	var trained []Param
	m.Visit("", func(p Param) {
		if p.Trainable {
			trained = append(trained, p)
		}
	})
	return trained
}

// Freeze promises that the parameters and buffers of m don't change any more, which makes inference faster: see
// [tensor.Tensor.Freeze].
func Freeze(m Module) {
	m.Visit("", func(p Param) { p.Tensor.Freeze() })
}

// Count returns the number of trainable parameters of m, counted as single values.
func Count(m Module) int {
	n := 0
	for _, p := range Trainable(m) {
		n += p.Tensor.Len()
	}
	return n
}

// ZeroGrad clears the gradients of m.
func ZeroGrad(m Module) { m.Visit("", func(p Param) { p.Tensor.ZeroGrad() }) }

// visit calls f for a trainable parameter of a layer, unless it is absent.
func visit(f func(Param), layer fmt.Stringer, path, name string, t *tensor.Tensor, torch []int) {
	if t != nil {
		f(Param{Path: Join(path, name), Tensor: t, Trainable: true, Torch: torch, Layer: layer})
	}
}

// Stateless implements the methods of [Module] for layers that have neither parameters nor modes. Embed it.
type Stateless struct{}

// Visit implements Module.
func (Stateless) Visit(string, func(Param)) {}

// SetTraining implements Module.
func (Stateless) SetTraining(bool) {}
