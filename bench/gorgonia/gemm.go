package main

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// gemm is C = A·B for matrices of size n×n. C is allocated once.
func gemm(n int) (func() error, error) {
	a := tensor.New(tensor.WithShape(n, n), tensor.WithBacking(G.Gaussian32(0, 1, n, n)))
	b := tensor.New(tensor.WithShape(n, n), tensor.WithBacking(G.Gaussian32(0, 1, n, n)))
	c := tensor.New(tensor.WithShape(n, n), tensor.Of(tensor.Float32))
	return func() error {
		_, err := tensor.MatMul(a, b, tensor.WithReuse(c))
		return err
	}, nil
}
