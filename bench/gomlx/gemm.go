package main

import (
	"github.com/gomlx/gomlx/core/graph"
)

// gemm is C = A·B for matrices of size n×n. The memory of C is returned to the backend, which reuses it.
func gemm(n int) (func() error, error) {
	product, err := graph.NewExec(oneByOne, func(a, b *graph.Node) *graph.Node { return graph.MatMul(a, b) })
	if err != nil {
		return nil, err
	}
	a, b := normal(n, n), normal(n, n)
	return func() error {
		c, err := product.Exec1(a, b)
		if err != nil {
			return err
		}
		return c.FinalizeAll()
	}, nil
}
