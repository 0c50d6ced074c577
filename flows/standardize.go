package flows

import (
	"fmt"
	"iter"
	"math"

	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Standardize maps each column of the data to mean 0 and standard deviation 1, with statistics that [Standardize.Fit] computes
// before training and that are saved with the model:
//
//	z = (x − mean)/std    log|det| = −Σ log std
//
// It is part of the flow, and so of the likelihood: densities are those of the data before standardization. Before Fit it is
// the identity.
type Standardize struct {
	directions
	Mean, Std *tensor.Tensor // [D]
}

// NewStandardize returns the identity on dim columns.
func NewStandardize(d *tensor.Device, dim int) *Standardize {
	s := &Standardize{Mean: d.Zeros(dim).Keep(), Std: d.Full(1, dim).Keep()}
	s.directions = directions{s}
	return s
}

// Fit computes mean and standard deviation (with divisor n) of the rows, each of D numbers, in one pass by Welford's method
// (1962) in float64. Constant columns are only centred. It returns an error, and changes nothing, if a row has another
// length, if a number isn't finite, and if there are fewer than two rows.
func (s *Standardize) Fit(rows iter.Seq[[]float32]) error {
	dim := s.Mean.Len()
	mean, squares := make([]float64, dim), make([]float64, dim)
	n := 0
	for row := range rows {
		if len(row) != dim {
			return fmt.Errorf("standardize: row %d has %d numbers instead of %d; fit the flow to rows of its own dimension", n, len(row), dim)
		}
		n++
		for i, x := range row {
			v := float64(x)
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return fmt.Errorf("standardize: row %d has %v in column %d; remove the row or correct it", n-1, v, i)
			}
			delta := v - mean[i]
			mean[i] += delta / float64(n)
			squares[i] += delta * (v - mean[i])
		}
	}
	if n < 2 {
		return fmt.Errorf("standardize: %d rows have no standard deviation; give two or more", n)
	}
	means, stds := make([]float32, dim), make([]float32, dim)
	for i := range dim {
		means[i], stds[i] = float32(mean[i]), float32(math.Sqrt(squares[i]/float64(n)))
		if stds[i] == 0 {
			stds[i] = 1
		}
	}
	s.Mean.Set(means)
	s.Std.Set(stds)
	return nil
}

// accumulate implements accumulator.
func (s *Standardize) accumulate(x, _ *tensor.Tensor, l logDets, inverse bool) (*tensor.Tensor, logDets) {
	logScale := s.Std.Log().Sum()
	if inverse {
		l.shared = plus(l.shared, logScale)
		return x.Mul(s.Std).Add(s.Mean), l
	}
	l.shared = plus(l.shared, logScale.Neg())
	return x.Sub(s.Mean).Div(s.Std), l
}

// Visit implements [nn.Module].
func (s *Standardize) Visit(path string, f func(nn.Param)) {
	f(nn.Param{Path: nn.Join(path, "mean"), Tensor: s.Mean, Layer: s})
	f(nn.Param{Path: nn.Join(path, "std"), Tensor: s.Std, Layer: s})
}

// SetTraining implements [nn.Module].
func (s *Standardize) SetTraining(bool) {}
