package main

import (
	"math/rand/v2"
	"sync"

	"github.com/nlpodyssey/spago/mat"
)

// gemm is C = A·B for matrices of size n×n. The rows are divided between the threads.
func gemm(n, threads int) (func() error, error) {
	b := normal(n, n)
	var stretches []mat.Matrix
	for i := range threads {
		stretches = append(stretches, normal((i+1)*n/threads-i*n/threads, n))
	}
	return func() error {
		var all sync.WaitGroup
		for _, a := range stretches {
			all.Go(func() { a.Mul(b) })
		}
		all.Wait()
		return nil
	}, nil
}

// normal returns numbers from the standard normal distribution.
func normal(rows, columns int) mat.Matrix { return scaled(1, rows, columns) }

func scaled(scale float64, rows, columns int) mat.Matrix {
	values := make([]float32, rows*columns)
	for i := range values {
		values[i] = float32(scale * rand.NormFloat64())
	}
	return matrix(values, rows, columns)
}

func matrix(values []float32, rows, columns int) mat.Matrix {
	return mat.NewDense[float32](mat.WithShape(rows, columns), mat.WithBacking(values))
}
