package flows

import (
	"errors"

	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Bijection is an invertible map of [N, D] rows, given a condition [N, C] (nil if there is none).
//
// The log-determinants are log|det J| of the direction that was run, in nats, a number a row; in evaluation those of
// the two directions cancel. A map that can't be inverted at the moment, such as a [BatchNorm] in training, panics
// with an error that is [ErrNotInvertible]; ask [Invertible] first.
type Bijection interface {
	Forward(x, cond *tensor.Tensor) (z, logDet *tensor.Tensor) // data to latent; logDet is [N]
	Inverse(z, cond *tensor.Tensor) (x, logDet *tensor.Tensor) // latent to data; logDet of this direction
	nn.Module
}

// ErrNotInvertible is what a bijection that can't be inverted at the moment panics with, and what [Invertible] wraps.
var ErrNotInvertible = errors.New("batch norm can't be inverted in training, where it uses the statistics of its batch; " +
	"switch to evaluation with SetTraining(false)")

// Invertible tells why b can't be inverted at the moment, or nil. It asks the method Invertible() error, which
// bijections need only have if the answer isn't always yes.
func Invertible(b Bijection) error {
	if asked, ok := b.(interface{ Invertible() error }); ok {
		return asked.Invertible()
	}
	return nil
}

// constant is a bijection whose log-determinant is the same for all rows. It tells it as a single number, or as nil if
// it is 0, so that a sequence adds up numbers and spreads the sum over the rows once.
type constant interface {
	forward(x *tensor.Tensor) (z, logDet *tensor.Tensor)
	inverse(z *tensor.Tensor) (x, logDet *tensor.Tensor)
}

// perRow spreads the log-determinant of a constant bijection over the rows of its result.
func perRow(y, logDet *tensor.Tensor) (*tensor.Tensor, *tensor.Tensor) {
	if logDet == nil {
		return y, y.Device().Zeros(y.Dim(0))
	}
	return y, logDet.Reshape(1).Expand(y.Dim(0))
}

// plus adds log-determinants of which nil is 0.
func plus(a, b *tensor.Tensor) *tensor.Tensor {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return a.Add(b)
}
