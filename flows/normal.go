package flows

import (
	"math"

	"github.com/bestiary-ml/bestiary/tensor"
)

// Normal is the standard normal distribution of rows of Dim numbers, the base distribution of flows.
type Normal struct{ Dim int }

// LogProb returns the log-density [N] of each row of z [N, Dim], in nats: −½‖z‖² − ½·Dim·log 2π.
func (n Normal) LogProb(z *tensor.Tensor) *tensor.Tensor {
	return z.Square().Sum(1).Scale(-0.5).AddScalar(-0.5 * float64(n.Dim) * math.Log(2*math.Pi))
}

// Sample draws rows [rows, Dim] from N(0, temperature²·I).
func (n Normal) Sample(d *tensor.Device, rows int, temperature float64, g *tensor.Generator) *tensor.Tensor {
	z := g.Normal(d, rows, n.Dim)
	if temperature == 1 {
		return z
	}
	return z.Scale(temperature)
}
