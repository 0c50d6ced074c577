// Package link connects public packages with internal packages that need access below their public API, which names no
// internal type. Public packages set the variables; packages engine and weights restore the types.
package link

// Engine has the methods that package engine lists. Package tensor sets it in its init.
var Engine any

// Weights has the methods that package weights lists. Package nn sets it in its init.
var Weights any

// Trial is a small model with the operations of a package. Package tensor runs those of all packages that are linked into a
// program on a GPU and on the processor before the device "auto" uses the GPU. T is *tensor.Tensor, which this package can't name.
type Trial[T any] struct {
	Layers     []string // what each parameter belongs to, in the order of the forward pass: "a coupling"
	Parameters []T      // leaves that require a gradient
	Loss       func() T // a single number [1], or nil if there is nothing to train
	Answers    []Answer // what is computed without gradients
}

// Answer is something that a trial computes.
type Answer struct {
	Of      string // for errors: "decoding"
	Compute func() []float32
}
