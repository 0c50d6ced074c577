package flows

import (
	"errors"

	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Bijection is an invertible map of rows [N, D], given a condition [N, C] (nil if there is none).
//
// The log-determinants [N] are log|det J| of the direction that was computed, in nats, one per row; in evaluation those of
// the two directions cancel. A bijection that is not invertible at the moment, such as a [BatchNorm] in training, panics with
// [ErrNotInvertible]; call [Invertible] first.
type Bijection interface {
	Forward(x, cond *tensor.Tensor) (z, logDet *tensor.Tensor) // data to latent
	Inverse(z, cond *tensor.Tensor) (x, logDet *tensor.Tensor) // latent to data
	nn.Module
}

// ErrNotInvertible says that a bijection is not invertible at the moment: in training, batch norm normalizes with the
// statistics of its batch, which are not in its output. [Invertible] and [Flow.Sample] return it, wrapped with the name of the
// layer; Inverse panics with it. Test for it with errors.Is. The remedy is SetTraining(false).
var ErrNotInvertible = errors.New("batch norm is not invertible in training, where it uses the statistics of its batch; " +
	"switch to evaluation with SetTraining(false)")

// Invertible returns nil if b is invertible at the moment, and the reason otherwise. It calls the method Invertible() error,
// which only bijections need that are not always invertible.
func Invertible(b Bijection) error {
	if conditional, ok := b.(interface{ Invertible() error }); ok {
		return conditional.Invertible()
	}
	return nil
}

// logDets is a sum of log-determinants in two parts: rows has one per row, [N]; shared is a single number that holds for all rows
// and is expanded once, at the end. nil is 0.
type logDets struct{ rows, shared *tensor.Tensor }

// accumulator is a bijection with both directions in one method, which adds its log-determinant to that of the layers before.
type accumulator interface {
	accumulate(x, cond *tensor.Tensor, l logDets, inverse bool) (y *tensor.Tensor, sum logDets)
}

// directions implements Forward and Inverse of [Bijection] by accumulate. Every bijection of this package embeds it, with of set to
// the bijection itself.
type directions struct{ of accumulator }

// Forward implements [Bijection]: data to latent.
func (d directions) Forward(x, cond *tensor.Tensor) (z, logDet *tensor.Tensor) {
	z, l := d.of.accumulate(x, cond, logDets{}, false)
	return z, l.expand(z)
}

// Inverse implements [Bijection]: latent to data.
func (d directions) Inverse(z, cond *tensor.Tensor) (x, logDet *tensor.Tensor) {
	x, l := d.of.accumulate(z, cond, logDets{}, true)
	return x, l.expand(x)
}

// accumulating returns b as an accumulator.
func accumulating(b Bijection) accumulator {
	if a, ok := b.(accumulator); ok {
		return a
	}
	return foreign{b}
}

// foreign makes an accumulator of a bijection of another package.
type foreign struct{ Bijection }

func (f foreign) accumulate(x, cond *tensor.Tensor, l logDets, inverse bool) (*tensor.Tensor, logDets) {
	run := f.Forward
	if inverse {
		run = f.Inverse
	}
	y, logDet := run(x, cond)
	l.rows = plus(l.rows, logDet)
	return y, l
}

// expand returns the log-determinant of each row of y, [N].
func (l logDets) expand(y *tensor.Tensor) *tensor.Tensor {
	switch {
	case l.rows != nil:
		return plus(l.rows, l.shared)
	case l.shared == nil:
		return y.Device().Zeros(y.Dim(0))
	}
	return l.shared.Reshape(1).Expand(y.Dim(0))
}

// plus adds log-determinants, of which nil is 0.
func plus(a, b *tensor.Tensor) *tensor.Tensor {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return a.Add(b)
}
