package flows

import (
	"cmp"
	"fmt"
	"iter"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Flow is a distribution of rows [N, D]: bijections that map data to a base distribution, the standard normal unless Base is set. Given a condition [N, C],
// it is the conditional distribution.
type Flow struct {
	*Sequential
	Base      Base
	Condition int // columns of the condition, 0 for none
	device    *tensor.Device
}

// NewFlow makes a flow of rows of dim numbers out of bijections; condition is the number of columns of their condition, 0 for
// none.
func NewFlow(d *tensor.Device, dim, condition int, layers ...Bijection) *Flow {
	return &Flow{Sequential: NewSequential(layers...), Base: Normal{Dim: dim}, Condition: condition, device: d}
}

// LogProb returns the log-density of each row of x [N, D] given cond [N, C] (nil without a condition), in nats [N]:
//
//	log p(x) = log N(f(x); 0, I) + log|det ∂f/∂x|
//
// Where float32 overflows, the log-density is −∞ or NaN; see [CheckFinite]. It panics if the shapes are not those of the flow.
func (f *Flow) LogProb(x, cond *tensor.Tensor) *tensor.Tensor {
	if x.Rank() != 2 || x.Dim(1) != f.Base.Columns() {
		panic(fmt.Sprintf("flows: rows %v in a flow of %d dimensions", x.Shape(), f.Base.Columns()))
	}
	if err := f.checkCondition(x.Dim(0), cond); err != nil {
		panic("flows: " + err.Error())
	}
	z, logDet := f.Forward(x, cond)
	return f.Base.LogProb(z, cond).Add(logDet)
}

// NLL returns the mean negative log-density of the rows x [N, D] given cond [N, C], a single number in nats: the loss of maximum
// likelihood. It panics where LogProb does.
func (f *Flow) NLL(x, cond *tensor.Tensor) *tensor.Tensor { return f.LogProb(x, cond).Mean().Neg() }

// Fit computes the statistics of the flow's [Standardize] layer from the rows of the training data; see [Standardize.Fit]. Layers
// before it, which must have no parameters, are applied first. Without such a layer, the error is a [*fault.FieldError].
func (f *Flow) Fit(rows iter.Seq[[]float32]) error {
	if f == nil || f.Sequential == nil {
		return fault.Field("Flow", nil, "must be built with New or NewFlow")
	}
	if rows == nil {
		return fault.Field("Rows", nil, "must not be nil; give the rows to fit the flow to")
	}
	for i, b := range f.layers {
		if s, ok := b.(*Standardize); ok {
			return s.Fit(f.through(i, rows))
		}
	}
	return fault.Field("Standardize", false, "must be true to fit the flow to data")
}

// through maps rows by the first n layers, without a condition.
func (f *Flow) through(n int, rows iter.Seq[[]float32]) iter.Seq[[]float32] {
	if n == 0 {
		return rows
	}
	first := NewSequential(f.layers[:n]...)
	return func(yield func([]float32) bool) {
		for row := range rows {
			step := f.device.Scratch()
			z, _ := first.Forward(f.device.From(row, 1, len(row)), nil)
			values := z.Values()
			step.End()
			if !yield(values) {
				return
			}
		}
	}
}

// Limits of the arguments of Sample.
const (
	maxSamples     = 1 << 20
	maxTemperature = 1e6
)

// Sample draws n rows x [n, D] given cond [n, C] (nil without a condition), and returns with them the log-density [n] of each
// under the model, log p(x) = log N(z; 0, I) − log|det ∂x/∂z|, which is that of LogProb.
//
// The latent rows z are drawn from N(0, temperature²·I): below 1, samples are more typical and less varied; 0 gives the image
// of the mode, z = 0, n times. The densities are those of the model at temperature 1, so that samples of different
// temperatures can be ranked together.
//
// Errors are a [*fault.FieldError] for an argument that is not allowed, [ErrNotInvertible] for a flow with batch norm in
// training, an [*Overflow], and those of [fault.Catch].
func (f *Flow) Sample(n int, cond *tensor.Tensor, temperature float64, g *tensor.Generator) (x, logProb *tensor.Tensor, err error) {
	defer fault.Catch(&err)
	if err := f.checkSample(n, cond, temperature, g); err != nil {
		return nil, nil, err
	}
	step := f.device.Scratch()
	defer step.End()
	z := f.Base.Sample(f.device, n, cond, temperature, g) // [n, D]
	rows, logDet := f.Inverse(z, cond)                    // [n, D], [n]
	logProb = f.Base.LogProb(z, cond).Sub(logDet)
	if err := cmp.Or(CheckFinite("the log-density", 0, logProb.Values()), CheckFinite("the sum", 0, rows.Sum(1).Values())); err != nil {
		return nil, nil, err
	}
	return rows.Keep(), logProb.Keep(), nil
}

func (f *Flow) checkSample(n int, cond *tensor.Tensor, temperature float64, g *tensor.Generator) error {
	switch {
	case f.device == nil:
		return fault.Field("Device", nil, "must be given to NewFlow")
	case g == nil:
		return fault.Field("Generator", nil, "must be given")
	case n < 1 || n > maxSamples:
		return fault.Field("N", n, "must be a number of samples from 1 to %d; draw more in several calls", maxSamples)
	case !(temperature >= 0 && temperature <= maxTemperature):
		return fault.Field("Temperature", temperature, "must be 0 (the mode) or more, at most 1e6; 1 is the model's own distribution")
	}
	if err := f.checkCondition(n, cond); err != nil {
		return err
	}
	return f.Invertible()
}

func (f *Flow) checkCondition(rows int, cond *tensor.Tensor) error {
	switch {
	case f.Condition == 0 && cond != nil:
		return fault.Field("Condition", cond.Shape(), "must be nil, since the flow has no condition")
	case f.Condition > 0 && cond == nil:
		return fault.Field("Condition", nil, "must be given, with shape [%d %d]", rows, f.Condition)
	case cond != nil && (cond.IsInts() || cond.Rank() != 2 || cond.Dim(0) != rows || cond.Dim(1) != f.Condition):
		return fault.Field("Condition", cond.Shape(), "must have floating-point elements and shape [%d %d]", rows, f.Condition)
	case cond != nil && cond.Device() != f.device:
		return fault.Field("Condition", cond, "must be on the flow's device")
	}
	return nil
}

// Visit implements [nn.Module]: the layers, then the base distribution's parameters under "base".
func (f *Flow) Visit(path string, visit func(nn.Param)) {
	f.Sequential.Visit(path, visit)
	f.Base.Visit(nn.Join(path, "base"), visit)
}

// SetTraining implements [nn.Module].
func (f *Flow) SetTraining(on bool) {
	f.Sequential.SetTraining(on)
	f.Base.SetTraining(on)
}
