package flows

import (
	"fmt"
	"math"

	"github.com/bestiary-ml/bestiary/tensor"
)

// Flow is a distribution of rows: bijections that map data to a standard normal distribution. Given a condition, it
// is the conditional distribution.
type Flow struct {
	*Sequential
	Base      Normal
	Condition int // columns of the condition, 0 for none
	device    *tensor.Device
}

// NewFlow makes a flow of rows of dim numbers out of bijections; condition is the number of columns of their
// condition, 0 for none.
func NewFlow(d *tensor.Device, dim, condition int, layers ...Bijection) *Flow {
	return &Flow{Sequential: NewSequential(layers...), Base: Normal{Dim: dim}, Condition: condition, device: d}
}

// LogProb is the log-density of each row of x [N, D] given cond [N, C] (nil without a condition), in nats.
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

// NLL is the mean negative log-density of the rows, in nats: the loss of maximum likelihood.
func (f *Flow) NLL(x, cond *tensor.Tensor) *tensor.Tensor { return f.LogProb(x, cond).Mean().Neg() }

// Sample draws n rows x [n, D] given cond [n, C] (nil without a condition), and tells the log-density of each under
// the model, log p(x) = log N(z; 0, I) − log|det ∂x/∂z|: what LogProb says of x.
//
// The latent rows z are drawn from N(0, temperature²·I): below 1, samples are more typical and less varied; at 0 all
// are the image of z = 0. The densities remain those of the model, not of the narrowed distribution, so samples of
// different temperatures can be ranked together. A flow that is in training mode with batch norm gives an error.
func (f *Flow) Sample(n int, cond *tensor.Tensor, temperature float64, g *tensor.Generator) (x, logProb *tensor.Tensor, err error) {
	if n < 1 {
		return nil, nil, fmt.Errorf("a flow can't draw %d samples; ask for one or more", n)
	}
	if !(temperature >= 0) || math.IsInf(temperature, 1) {
		return nil, nil, fmt.Errorf("temperature %v is not possible; choose a number from 0 up, such as 0.8", temperature)
	}
	if err := f.checkCondition(n, cond); err != nil {
		return nil, nil, err
	}
	if err := f.Invertible(); err != nil {
		return nil, nil, err
	}
	s := f.device.Scratch()
	defer s.End()
	z := f.Base.Sample(f.device, n, temperature, g)
	x, logDet := f.Inverse(z, cond)
	return x.Keep(), f.Base.LogProb(z).Sub(logDet).Keep(), nil
}

func (f *Flow) checkCondition(rows int, cond *tensor.Tensor) error {
	switch {
	case f.Condition == 0 && cond != nil:
		return fmt.Errorf("a flow without a condition was given one of shape %v; give nil", cond.Shape())
	case f.Condition > 0 && cond == nil:
		return fmt.Errorf("a conditional flow was given no condition; give one of shape [%d %d]", rows, f.Condition)
	case cond != nil && (cond.Rank() != 2 || cond.Dim(0) != rows || cond.Dim(1) != f.Condition):
		return fmt.Errorf("a condition of shape %v was given; it must be [%d %d]", cond.Shape(), rows, f.Condition)
	}
	return nil
}
