package flows

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Flow is a distribution of rows [N, D]: bijections that map data to a standard normal distribution. Given a condition [N, C],
// it is the conditional distribution.
type Flow struct {
	*Sequential
	Base      Normal
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
// It panics if the shapes are not those of the flow.
func (f *Flow) LogProb(x, cond *tensor.Tensor) *tensor.Tensor {
	if x.Rank() != 2 || x.Dim(1) != f.Base.Dim {
		panic(fmt.Sprintf("flows: rows %v in a flow of %d dimensions", x.Shape(), f.Base.Dim))
	}
	if err := f.checkCondition(x.Dim(0), cond); err != nil {
		panic("flows: " + err.Error())
	}
	z, logDet := f.Forward(x, cond)
	return f.Base.LogProb(z).Add(logDet)
}

// NLL returns the mean negative log-density of the rows x [N, D] given cond [N, C], a single number in nats: the loss of maximum
// likelihood. It panics where LogProb does.
func (f *Flow) NLL(x, cond *tensor.Tensor) *tensor.Tensor { return f.LogProb(x, cond).Mean().Neg() }

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
// training, and those of [fault.Catch].
func (f *Flow) Sample(n int, cond *tensor.Tensor, temperature float64, g *tensor.Generator) (x, logProb *tensor.Tensor, err error) {
	defer fault.Catch(&err)
	if err := f.checkSample(n, cond, temperature, g); err != nil {
		return nil, nil, err
	}
	step := f.device.Scratch()
	defer step.End()
	z := f.Base.Sample(f.device, n, temperature, g) // [n, D]
	rows, logDet := f.Inverse(z, cond)              // [n, D], [n]
	return rows.Keep(), f.Base.LogProb(z).Sub(logDet).Keep(), nil
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
