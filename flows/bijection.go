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

// logDets is the sum of log-determinants along a sequence, in two parts of which nil is 0: one that differs between rows
// [N], and a single number for all rows, which is spread over them once.
type logDets struct{ rows, shared *tensor.Tensor }

// adding is a bijection that adds its log-determinant to what comes before it.
type adding interface {
	add(x, cond *tensor.Tensor, l logDets, inverse bool) (*tensor.Tensor, logDets)
}

// addTo runs b in a direction and adds its log-determinant to l.
func addTo(l logDets, b Bijection, x, cond *tensor.Tensor, inverse bool) (*tensor.Tensor, logDets) {
	if b, ok := b.(adding); ok {
		return b.add(x, cond, l, inverse)
	}
	run := b.Forward
	if inverse {
		run = b.Inverse
	}
	y, logDet := run(x, cond)
	l.rows = plus(l.rows, logDet)
	return y, l
}

// spread is y with a log-determinant for each of its rows.
func spread(y *tensor.Tensor, l logDets) (_, logDet *tensor.Tensor) {
	switch {
	case l.rows != nil:
		return y, plus(l.rows, l.shared)
	case l.shared == nil:
		return y, y.Device().Zeros(y.Dim(0))
	}
	return y, l.shared.Reshape(1).Expand(y.Dim(0))
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
