package main

import (
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Leaky is a leaky ReLU as a bijection, with a learned slope for each column:
//
//	z = x where x ≥ 0, else x·eˢ    log|det| = Σ s over the columns where x < 0
//
// It keeps signs, so the inverse is the same with −s.
type Leaky struct {
	LogSlope *tensor.Tensor // s [D]
}

// NewLeaky returns the identity on dim columns.
func NewLeaky(d *tensor.Device, dim int) *Leaky { return &Leaky{LogSlope: nn.Constant(d, 0, dim)} }

// Forward implements flows.Bijection.
func (l *Leaky) Forward(x, _ *tensor.Tensor) (z, logDet *tensor.Tensor) {
	return bend(x, l.LogSlope)
}

// Inverse implements flows.Bijection.
func (l *Leaky) Inverse(z, _ *tensor.Tensor) (x, logDet *tensor.Tensor) {
	return bend(z, l.LogSlope.Neg())
}

// bend multiplies negative elements of x [N, D] by the slope.
func bend(x, logSlope *tensor.Tensor) (y, logDet *tensor.Tensor) {
	negative := x.Detach().Scale(-1e30).ClampMin(0).ClampMax(1) // 1 where x < 0, else 0
	logScale := negative.Mul(logSlope)                          // [N, D]
	return x.Mul(logScale.Exp()), logScale.Sum(1)
}

// Visit implements nn.Module.
func (l *Leaky) Visit(path string, f func(nn.Param)) {
	f(nn.Param{Path: nn.Join(path, "log_slope"), Tensor: l.LogSlope, Trainable: true})
}

// SetTraining implements nn.Module.
func (l *Leaky) SetTraining(bool) {}
