package nn

import (
	"math"

	"github.com/bestiary-ml/bestiary/tensor"
)

// Uniform returns a trainable tensor of that shape, drawn from U(−bound, bound).
func Uniform(d *tensor.Device, g *tensor.Generator, bound float64, shape ...int) *tensor.Tensor {
	return g.Uniform(d, shape...).Scale(2 * bound).AddScalar(-bound).Keep().SetRequiresGrad(true)
}

// Normal returns a trainable tensor of that shape, drawn from N(mean, std²).
func Normal(d *tensor.Device, g *tensor.Generator, mean, std float64, shape ...int) *tensor.Tensor {
	return g.Normal(d, shape...).Scale(std).AddScalar(mean).Keep().SetRequiresGrad(true)
}

// Constant returns a trainable tensor of that shape with equal values.
func Constant(d *tensor.Device, value float64, shape ...int) *tensor.Tensor {
	return d.Full(value, shape...).Keep().SetRequiresGrad(true)
}

// fanInBound is the bound of PyTorch's default initialisation, Kaiming-uniform with a = √5 (He et al., 2015).
func fanInBound(fanIn int) float64 { return 1 / math.Sqrt(float64(fanIn)) }
