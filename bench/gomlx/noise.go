package main

import (
	"math/rand/v2"

	"github.com/gomlx/gomlx/core/tensors"
)

// normal returns numbers from the standard normal distribution; scaled multiplies them by a factor.
func normal(shape ...int) *tensors.Tensor { return scaled(1, shape...) }

func scaled(scale float64, shape ...int) *tensors.Tensor {
	size := 1
	for _, n := range shape {
		size *= n
	}
	values := make([]float32, size)
	for i := range values {
		values[i] = float32(scale * rand.NormFloat64())
	}
	return tensors.FromFlatDataAndDimensions(values, shape...)
}
